/*
 * The safety rules of a cluster, each as the changes that take it out of the built code. A change whose text is not found
 * ends the process: the rule has moved.
 */

const FENCE = [
  // A node goes on whose term is over, or that hears that it was buried; and its guard waits for good.
  {
    file: "/cluster/dist/term.js",
    from: /if \(this\.#end === undefined && this\.leftMs <= 0\)/,
    to: "if (false)",
  },
  { file: "/cluster/dist/term.js", from: /#arm\(\) \{/, to: "#arm() { return;" },
  { file: "/cluster/dist/node.js", from: /if \(!alive\)/, to: "if (false)" },
  {
    file: "/engine-claude/dist/orphan-guard.js",
    from: /mayWork\(leftMs\) \{/,
    to: "mayWork(leftMs) { return;",
  },
];

const EPOCH = [
  {
    file: "/ledger/dist/turns.js",
    from: /function checkEpoch\(turn\) \{/,
    to: "function checkEpoch(turn) { return;",
  },
  {
    file: "/ledger/dist/turns.js",
    from: /const SAME_EPOCH = `(.*)`;/,
    to: "const SAME_EPOCH = `(true OR $1)`;",
  },
  {
    file: "/ledger/dist/turns.js",
    from: /WHERE id = \? AND epoch = \?"/,
    to: 'WHERE id = ? AND (true OR epoch = ?)"',
  },
];

/** The answer is given, also where another end stands in the ledger. */
const END = [
  {
    file: "/core/dist/turns/turn-recorder.js",
    from: /const isFirst = (await this\.records\.ledger\.turns\.end\([^;]*\));/,
    to: "await $1; const isFirst = true;",
  },
];

/** A node that could not look goes on counting. */
const BLINDNESS = [{ file: "/cluster/dist/watch.js", from: /blind\(\) \{/, to: "blind() { return;" }];

/** A decision is written over the one that stands. */
const DECISION = [
  {
    file: "/ledger/dist/approvals.js",
    from: /WHERE id = \? AND status = 'pending'"/,
    to: "WHERE id = ? AND (true OR status = 'pending')\"",
  },
  {
    file: "/core/dist/approvals/approval-service.js",
    from: /if \(approval\.status !== "pending"\)/,
    to: "if (false)",
  },
];

/** A node whose claim the database refuses goes on. */
const REFUSAL = [
  {
    file: "/cluster/dist/session-claims.js",
    from: /if \(outcome === "fenced"\)/,
    to: "if (false)",
  },
];

/** A turn begins, whoever has its idempotency key by now. */
const KEY = [{ file: "/ledger/dist/turns.js", from: /if \(key !== undefined\)/, to: "if (false)" }];

/** Turns begin whatever others have reserved of their budget. */
const BUDGET = [
  {
    file: "/ledger/dist/quota.js",
    from: /SELECT sum\(amount\) FROM quota_reservations/,
    to: "SELECT 0 * sum(amount) FROM quota_reservations",
  },
];

/** Turns of a session do not wait for each other. */
const ORDER = [
  {
    file: "/scheduling/dist/order.js",
    from: /unlessAborted\(before, stop\)/,
    to: "unlessAborted(undefined, stop)",
  },
];

/** No guard ends what a killed or stopped gateway leaves. */
const GUARD = [
  { file: "/engine-claude/dist/orphan-guard.js", from: /process\.platform === "linux"/, to: "false" },
];

/** Calls expire by the clock of the node that looks. */
const CLOCK = [
  { file: "/ledger/dist/approvals.js", from: /\*now\(\) \{/, to: "*now() { return Date.now();" },
];

export const RULES = {
  clock: CLOCK,
  guard: GUARD,
  order: ORDER,
  fence: FENCE,
  refusal: REFUSAL,
  epoch: EPOCH,
  end: END,
  blindness: BLINDNESS,
  decision: DECISION,
  budget: BUDGET,
  key: KEY,
};
