/** The shape of the system: what engines, ledgers and the gateway know of each other. Types only. */
export type * from "./approvals.js";
export type * from "./audit.js";
export type * from "./conversations.js";
export type * from "./engine.js";
export type * from "./ledger.js";
export type * from "./options.js";
export type * from "./page.js";
export type * from "./turns.js";
