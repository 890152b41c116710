/**
 * When a turn runs: after the earlier turns of its session, when the queue has a place and the account's usage limit is lifted,
 * until its clock ends it.
 */
export { type AccountChoice, AccountLimits } from "./accounts.js";
export { BudgetWatch } from "./budget.js";
export { ByteBudget } from "./byte-budget.js";
export { LedgerWatch } from "./ledger-watch.js";
export { limitWaitOf, toWaitFor } from "./limit-parking.js";
export {
  type GoingTurn,
  type LimitedTurn,
  LimitWaits,
  type TurnWithLimit,
} from "./limit-waits.js";
export { MemoryBudget } from "./memory-budget.js";
export { type Arrival, SessionOrder } from "./order.js";
export { Polling } from "./polling.js";
export { shuttingDown, TurnQueue, UNQUEUED } from "./queue.js";
export { NEVER_SUSPENDED, TurnSlot } from "./turn-slot.js";
export { unlessAborted } from "./unless-aborted.js";
export { untilWritten } from "./until-written.js";
