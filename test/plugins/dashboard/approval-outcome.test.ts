import type { LedgerView, SessionsView, TurnEnd } from "@claudeway/core";
import { expect } from "chai";
import { ApprovalOutcomes } from "#plugins/dashboard/routes/approval-outcome.js";
import { approvalOf } from "../offers.js";

const CALL = "toolu_1";
const ALLOWED = approvalOf({ status: "allowed", toolUseId: CALL });

interface Recorded {
  readonly end?: TurnEnd;
  readonly parked?: boolean;
  /** Ids of calls that the turn's answer lists as denied. */
  readonly denied?: readonly string[];
  /** Whether the call's result is a success; undefined if there is none. */
  readonly result?: boolean;
  /** False: the transcript can't be read. */
  readonly transcript?: boolean;
}

/** How often the transcript was read. */
let reads = 0;

function outcomesOf({ end, parked, denied = [], result, transcript = true }: Recorded): ApprovalOutcomes {
  const turn = {
    id: ALLOWED.turnId,
    ...(end !== undefined && { ended: { end } }),
    ...(parked && { parked: {} }),
  };
  const block = { type: "tool_result", tool_use_id: CALL, ok: result, text: "" };
  const messages = [{ content: [{ type: "tool_use", id: CALL }, ...(result === undefined ? [] : [block])] }];
  const ledger: Partial<LedgerView> = {
    turn: async () => turn as never,
    response: async () => ({ permission_denials: denied.map((tool_use_id) => ({ tool_use_id })) }) as never,
  };
  const sessions: Partial<SessionsView> = {
    turns: async () => ({ turns: [turn] }) as never,
    messages: async () => {
      reads++;
      if (!transcript) throw new Error("too many transcripts are read at once");
      return { turns: [{ turn_id: turn.id, messages }] } as never;
    },
  };
  return new ApprovalOutcomes({ ledger, sessions } as never);
}

describe("what became of an allowed call", () => {
  beforeEach(() => {
    reads = 0;
  });

  it("is its result, beside the end of its turn", async () => {
    const cases: readonly (readonly [Recorded, object])[] = [
      [
        { end: "completed", result: true },
        { turn: "completed", call: "ran" },
      ],
      [
        { end: "completed", result: false },
        { turn: "completed", call: "failed" },
      ],
      [
        { end: "interrupted", result: true },
        { turn: "interrupted", call: "ran" },
      ],
      [{ end: "lost" }, { turn: "lost", call: "no_result" }],
      [
        { end: "lost", denied: [CALL] },
        { turn: "lost", call: "not_run" },
      ],
      [
        { end: "failed", denied: ["another"] },
        { turn: "failed", call: "no_result" },
      ],
      [{}, { turn: "running", call: null }],
      [{ parked: true }, { turn: "parked", call: null }],
    ];
    for (const [recorded, expected] of cases)
      expect(await outcomesOf(recorded).of(ALLOWED), JSON.stringify(recorded)).to.deep.equal(expected);
  });

  it("is not claimed where the transcript can't be read, and read again later", async () => {
    const outcomes = outcomesOf({ end: "timeout", transcript: false });
    for (const _ of [1, 2]) expect(await outcomes.of(ALLOWED)).to.deep.equal({ turn: "timeout", call: null });
    expect(reads).to.equal(2);
  });

  it("is what the gateway says that has the session, as far as it knows", async () => {
    const answers = [
      [{ outcome: { turn: "completed", call: "failed" } }, "failed"],
      [{ outcome: { turn: "completed", call: null } }, "ran"],
      [{ outcome: { turn: "completed", call: "a later word" } }, "ran"],
      [{ outcome: null }, "ran"],
      [{}, "ran"],
      [undefined, "ran"],
    ] as const;
    for (const [answer, call] of answers) {
      const outcomes = outcomesOf({ end: "completed", result: true });
      const outcome = await outcomes.of(ALLOWED, async () => answer);
      expect(outcome, JSON.stringify(answer)).to.deep.equal({ turn: "completed", call });
    }
  });

  it("is read once for a call that has a result", async () => {
    const outcomes = outcomesOf({ end: "completed", result: true });
    for (const _ of [1, 2, 3]) await outcomes.of(ALLOWED);
    expect(reads).to.equal(1);
  });

  it("exists for allowed calls only", async () => {
    for (const status of ["pending", "denied", "expired", "withdrawn"] as const)
      expect(await outcomesOf({ end: "completed" }).of(approvalOf({ status })), status).to.equal(null);
  });
});
