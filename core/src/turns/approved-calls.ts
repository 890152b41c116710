import { type Decider, GatewayError, type GrantedCall, type Ledger, retryLater } from "@claudeway/ports";
import type { ApprovalService } from "../approvals/approval-service.js";
import { checkDecider, checkDecision } from "../approvals/deciding.js";
import type { Resumption } from "./resumption.js";
import type { RunningTurns } from "./running.js";
import type { Turn } from "./turn.js";

export const APPROVE_ROUTE = "POST /session/:id/approve";

/** How many of a session's latest turns are searched for denied calls. Those that the CLI begins by itself count too. */
const TURNS_LOOKED_AT = 100;

const ALLOW = { decision: "allow" } as const;

/** Approvals of a session's calls by the clients of its key. */
export class ApprovedCalls {
  /** Denied calls whose turn is about to start: each may run once. */
  readonly #approving = new Set<string>();

  constructor(
    private readonly parts: {
      readonly ledger: Ledger;
      readonly turns: RunningTurns;
      readonly resumption: Resumption;
      readonly approvalService: ApprovalService;
    },
  ) {}

  /**
   * Starts a turn with the calls if they were denied, and resolves to it. Calls that wait for a decision are allowed, and
   * their turn goes on.
   */
  async approve(
    sessionId: string,
    toolUseIds: readonly string[],
    decider: Decider,
    start: (granted: readonly GrantedCall[]) => Promise<Turn>,
  ): Promise<Turn> {
    const waiting = await this.#allowWaiting(sessionId, toolUseIds, decider);
    if (waiting !== undefined) return waiting;
    const release = this.#reserve(sessionId, toolUseIds);
    try {
      return await start(await approvedCalls(this.parts.ledger, sessionId, toolUseIds));
    } finally {
      release();
    }
  }

  /** Throws CONFLICT if one of the calls is already being approved. */
  #reserve(sessionId: string, toolUseIds: readonly string[]): () => void {
    const calls = toolUseIds.map((id) => `${sessionId} ${id}`);
    const begun = this.parts.turns.ofSession(sessionId).flatMap((turn) => turn.approved);
    const taken = toolUseIds.find((id) => begun.includes(id) || this.#approving.has(`${sessionId} ${id}`));
    if (taken !== undefined)
      throw new GatewayError("CONFLICT", `tool_use_ids: ${taken} is already being approved`);
    for (const call of calls) this.#approving.add(call);
    return () => {
      for (const call of calls) this.#approving.delete(call);
    };
  }

  /** Allows the calls if all of them are pending. Resolves to undefined if none is. */
  async #allowWaiting(
    sessionId: string,
    ids: readonly string[],
    decider: Decider,
  ): Promise<Turn | undefined> {
    const { approvalService, turns, resumption } = this.parts;
    const pending = await approvalService.list({ sessionId, status: "pending", page: 1, limit: 1000 });
    const waiting = pending.approvals.filter(({ toolUseId }) => ids.includes(toolUseId));
    const [first] = waiting;
    if (first === undefined) return undefined;
    if (waiting.length < ids.length) {
      const waits = waiting.map(({ toolUseId }) => toolUseId).join(", ");
      throw new GatewayError(
        "BAD_REQUEST",
        `tool_use_ids must not mix pending and denied calls; pending: ${waits}`,
      );
    }
    // All are checked before one is decided: a request that is refused must let no call run.
    for (const approval of waiting) {
      checkDecider(approval, decider);
      checkDecision(approval, ALLOW);
    }
    const own = waiting.find(({ parked, turnId }) => !parked && turns.get(turnId) === undefined);
    if (own !== undefined) {
      const message = `tool_use_ids: the turn that started the background work with ${own.toolUseId} has ended; decide on approval ${own.id}`;
      throw new GatewayError("CONFLICT", message, { details: { approval_id: own.id } });
    }
    for (const { id } of waiting) await approvalService.decide(id, ALLOW, decider);
    await resumption.goOn(first.turnId);
    const turn = turns.get(first.turnId);
    if (turn === undefined) throw retryLater(`the turn ${first.turnId} goes on later`, 5);
    return turn;
  }
}

/**
 * The denied calls of the session with these ids. Throws BAD_REQUEST for an id that was not denied there, FORBIDDEN
 * for one that a rule denied or that others must decide, and CONFLICT for one that was already approved and has run.
 */
async function approvedCalls(
  ledger: Ledger,
  sessionId: string,
  ids: readonly string[],
): Promise<GrantedCall[]> {
  const { denied, ran, closed } = await decisionsOf(ledger, sessionId, ids);
  return [...new Set(ids)].map((id) => {
    const call = denied.get(id);
    if (call === undefined) {
      const known = [...denied.keys()].join(", ") || "none";
      throw new GatewayError(
        "BAD_REQUEST",
        `tool_use_ids: ${id} was not denied in this session; denied calls: ${known}`,
      );
    }
    if (closed.has(id)) {
      throw new GatewayError(
        "FORBIDDEN",
        `tool_use_ids: ${id} was denied by a rule, or is reserved for other deciders; this key may not approve it`,
      );
    }
    if (ran.has(id))
      throw new GatewayError("CONFLICT", `tool_use_ids: ${id} was already decided on, and may have run`);
    return call;
  });
}

/**
 * Asks the model to repeat the approved calls, given as one JSON object per line, so that it need not rely on its
 * context.
 */
export function approvalPrompt(granted: readonly GrantedCall[]): string {
  const calls = granted.map(({ tool, input, cwd }) => JSON.stringify({ tool, input, cwd }));
  const elsewhere = granted.some(({ cwd }) => cwd !== undefined);
  return [
    "The user has approved the following tool calls, which were denied before.",
    ...(elsewhere
      ? ["If a call has a cwd, it is approved for that folder only: go there first, with cd."]
      : []),
    "Repeat each of them now, once, with exactly this input, and then continue with the task:",
    ...calls,
  ].join("\n");
}

/** What became of calls, from the latest turn back to the one with the last of those that are looked for. */
async function decisionsOf(ledger: Ledger, sessionId: string, wanted: readonly string[]) {
  const denied = new Map<string, GrantedCall>();
  const ran = new Set<string>();
  const closed = new Set<string>();
  const { turns } = await ledger.turns.listBySession(sessionId, { page: 1, limit: TURNS_LOOKED_AT });
  let approvalLost = false;
  for (const { id, route, ended, parked } of turns) {
    const response = parked?.response ?? (await ledger.turns.response(id));
    const { permission_denials: calls = [], approved = [] } = response ?? {};
    // It is unknown which approved calls ran before the gateway was killed, so no earlier call may run a second time.
    if (approvalLost) for (const call of calls) ran.add(call.tool_use_id);
    approvalLost ||= ended?.end === "lost" && route === APPROVE_ROUTE;
    for (const { tool_use_id, tool_name, tool_input, cwd, approvable } of calls) {
      denied.set(tool_use_id, { toolUseId: tool_use_id, tool: tool_name, input: tool_input, cwd });
      if (approvable === false) closed.add(tool_use_id);
    }
    // Decided, since it is not pending: its turn passes the decision on. It also runs what it was begun for.
    if (parked?.toolUseId !== undefined) ran.add(parked.toolUseId);
    for (const call of approved) if (call.ran || parked !== undefined) ran.add(call.tool_use_id);
    if (wanted.every((call) => denied.has(call))) break;
  }
  return { denied, ran, closed };
}
