/**
 * What the gateway, engines, ledgers and plugins know of each other: types, and the errors that cross these borders. Apart
 * from the errors, there is no implementation here.
 */
export type * from "./approvals.js";
export type * from "./audit.js";
export type * from "./claim.js";
export type * from "./cluster.js";
export type * from "./conversations.js";
export type * from "./engine.js";
export * from "./errors.js";
export type * from "./events.js";
export type * from "./frames.js";
export type * from "./ledger.js";
export * from "./ledger-error.js";
export type * from "./node.js";
export type * from "./options.js";
export type * from "./page.js";
export type * from "./passing.js";
export type * from "./plugin-store.js";
export type * from "./quota.js";
export type * from "./transcripts.js";
export type * from "./turn-record.js";
export type * from "./turns.js";
export type * from "./workdirs.js";
