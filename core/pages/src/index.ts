/** What people see: pages with safe headers, and tool calls in words. */
export { decidedPage, decisionOf, requestPage, spentPage, unusablePage } from "./approval-page.js";
export { describeCall } from "./describe.js";
export { type Pages, pageRouter } from "./page-router.js";
export { spellHidden } from "./shown.js";
