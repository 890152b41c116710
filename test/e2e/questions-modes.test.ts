import type { TurnResponse, TurnStatus } from "@claudeway/schemas";
import { expect } from "chai";
import { decide, onlyPending, startAsking, turnIn } from "./approval-kit.js";
import { KEYS, type TestGateway } from "./gateway.js";
import { OptionsGateway } from "./options-kit.js";
import { limitSecs } from "./poll.js";
import { ASK, newSession, StreamedTurn } from "./questions-kit.js";

const ANSWERS = { answers: { "Which way?": "right" } };
const SAID = '"Which way?"="right"';

describe("questions of the model, in the approval modes", () => {
  for (const mode of ["bypass", "deny"] as const) {
    describe(mode, () => {
      let options: OptionsGateway;
      before(async () => {
        options = await OptionsGateway.start({ args: mode === "deny" ? ["--no-permissions-bypass"] : [] });
      });
      after(() => options.dispose());

      it("bring no other tool", async () => {
        const toolsOf = async (events: readonly string[]) => {
          const { sent } = await options.ask("/task", { prompt: "[[say hi]]", events });
          return sent[0]?.tools.map(({ name }) => name) ?? [];
        };
        const without = await toolsOf([]);
        const withIt = await toolsOf(["questions"]);
        expect(without).to.include("Bash");
        expect(withIt.filter((name) => !without.includes(name))).to.deep.equal(["AskUserQuestion"]);
        expect(without.filter((name) => !withIt.includes(name))).to.deep.equal([]);
      });

      it("change nothing about other calls", async () => {
        const { gateway } = options;
        const id = await newSession(gateway);
        const path = `/session/${id}`;
        const turn = await StreamedTurn.start(gateway, `${path}/stream`, {
          prompt: `${ASK} [[write a.txt A]] [[bash rm a.txt]]`,
        });
        await turn.question();
        expect((await turn.answer(ANSWERS)).status).to.equal(200);
        const { result, permission_denials: denials = [] } = await turn.done();
        expect(result).to.include(SAID);
        const plain = await gateway.request<TurnResponse>(path, {
          body: { prompt: "[[write a.txt A]] [[bash rm a.txt]]" },
        });
        const { permission_denials: plainly = [] } = plain.body;
        const callsOf = (listed: typeof denials) =>
          listed.map(({ tool_name, tool_input }) => [tool_name, tool_input]);
        expect(callsOf(denials)).to.deep.equal(callsOf(plainly));
        expect(denials).to.have.lengthOf(mode === "deny" ? 2 : 0);
        if (mode === "bypass") return;
        const [denied] = denials;
        const approved = await gateway.request<TurnResponse>(`${path}/approve`, {
          body: { tool_use_ids: [denied?.tool_use_id] },
        });
        expect(approved.body.approved?.map(({ ran }) => ran)).to.deep.equal([true]);
      });
    });
  }

  describe("ask", () => {
    let gateway: TestGateway;
    const path = async () => `/session/${await newSession(gateway, KEYS.bob)}/stream`;
    const asBob = { key: KEYS.bob };
    before(async () => {
      gateway = await startAsking({ live_wait_secs: limitSecs(6) });
    });
    after(() => gateway.dispose());

    it("are answered at either route, and the first answer counts", async () => {
      for (const first of ["answers", "approvals"] as const) {
        const turn = await StreamedTurn.start(gateway, await path(), { prompt: ASK }, asBob);
        const { approval_id } = await turn.question();
        const ways = {
          answers: () => turn.answer(ANSWERS, asBob),
          approvals: () => decide(gateway, approval_id, { decision: "allow", updated_input: ANSWERS }, asBob),
        };
        expect((await ways[first]()).status, first).to.equal(200);
        const second = await ways[first === "answers" ? "approvals" : "answers"]();
        expect(second.status, JSON.stringify(second.body)).to.equal(409);
        expect((await turn.done()).result).to.include(SAID);
        const names = turn.events.map(({ event }) => event).filter((name) => name !== "text");
        expect(names).to.deep.equal(["permission_request", "question", "permission_resolved", "done"]);
      }
    });

    it("have no event of their own in a stream that does not name them, and are answered all the same", async () => {
      const turn = await StreamedTurn.start(gateway, await path(), { prompt: ASK, events: [] }, asBob);
      const { body } = await gateway.request<TurnStatus>(`/turns/${turn.id}`, asBob);
      await onlyPending(gateway, { id: body.session_id, workdir: "" });
      expect((await turn.answer(ANSWERS, asBob)).status).to.equal(200);
      expect((await turn.done()).result).to.include(SAID);
      expect(turn.events.some(({ event }) => event === "question")).to.equal(false);
    });

    it("go on with a turn that has parked", async () => {
      const turn = await StreamedTurn.start(gateway, await path(), { prompt: ASK }, asBob);
      expect((await turn.done()).pending_approval?.kind).to.equal("question");
      expect((await turn.answer(ANSWERS)).status, "the admin's key").to.equal(404);
      expect((await turn.answer(ANSWERS, asBob)).status).to.equal(200);
      const { result } = await turnIn(gateway, turn.id, "completed", asBob);
      expect(result?.result).to.include(SAID);
      expect((await turn.answer(ANSWERS, asBob)).status).to.equal(409);
    });
  });
});
