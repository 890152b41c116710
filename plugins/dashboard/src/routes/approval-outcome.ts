import type { Approval, ConversationTurn, LedgerView, TurnEnd } from "@claudeway/core";
import { recordedTurn, type TurnParts } from "./recorded-turn.js";

/** What became of an allowed call, as far as it is recorded. */
export interface ApprovalOutcome {
  readonly turn: "running" | "parked" | TurnEnd;
  /**
   * `failed`: its result is an error. `no_result`: the turn ended before there was one, so that it may have run in part.
   * Null while the turn runs, and if neither the ledger nor the transcript says.
   */
  readonly call: (typeof CALLS)[number] | null;
}

const CALLS = ["ran", "failed", "not_run", "no_result"] as const;

const MAX_KNOWN = 2000;

/** The outcomes of allowed calls. A call that has one keeps it, so the latest are remembered. */
export class ApprovalOutcomes {
  readonly #known = new Map<string, ApprovalOutcome>();

  constructor(private readonly parts: TurnParts & { readonly ledger: LedgerView }) {}

  /**
   * Null if the call was not allowed.
   *
   * @param askItsNode resolves to the approval as another gateway shows it, if that has the session
   */
  async of(
    approval: Approval,
    askItsNode: () => Promise<object | undefined> = async () => undefined,
  ): Promise<ApprovalOutcome | null> {
    if (approval.status !== "allowed") return null;
    const known = this.#known.get(approval.id);
    if (known !== undefined) return known;
    const turn = await this.parts.ledger.turn(approval.turnId);
    if (turn === undefined) return null;
    if (turn.ended === undefined)
      return { turn: turn.parked === undefined ? "running" : "parked", call: null };
    const { end } = turn.ended;
    const call = callIn(await askItsNode()) ?? (await this.#callOf(approval, end));
    const outcome = { turn: end, call };
    // The transcript may come late.
    if (outcome.call === null || outcome.call === "no_result") return outcome;
    this.#known.set(approval.id, outcome);
    const [oldest] = this.#known.keys();
    if (this.#known.size > MAX_KNOWN && oldest !== undefined) this.#known.delete(oldest);
    return outcome;
  }

  async #callOf({ sessionId, turnId, toolUseId }: Approval, end: TurnEnd): Promise<ApprovalOutcome["call"]> {
    const { permission_denials: denied = [] } = (await this.parts.ledger.response(turnId)) ?? {};
    if (denied.some(({ tool_use_id: id }) => id === toolUseId)) return "not_run";
    const recorded = await recordedTurn(sessionId, turnId, this.parts);
    if (recorded === undefined) return null;
    const result = resultOf(recorded, toolUseId);
    if (result !== undefined) return result.ok ? "ran" : "failed";
    return end === "completed" ? null : "no_result";
  }
}

/** Its version may differ. */
function callIn(approval: object | undefined): ApprovalOutcome["call"] {
  if (approval === undefined || !("outcome" in approval)) return null;
  const { outcome } = approval;
  if (typeof outcome !== "object" || outcome === null || !("call" in outcome)) return null;
  return CALLS.find((call) => call === outcome.call) ?? null;
}

function resultOf({ messages }: Pick<ConversationTurn, "messages">, callId: string) {
  for (const { content } of messages)
    for (const block of content)
      if (block.type === "tool_result" && block.tool_use_id === callId) return block;
  return undefined;
}
