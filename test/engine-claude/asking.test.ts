import { setTimeout as sleep } from "node:timers/promises";
import type { PreToolUseHookInput } from "@anthropic-ai/claude-agent-sdk";
import type { CallDecider } from "@claudeway/ports";
import { expect } from "chai";
import { Asking, CallHook } from "#engine-claude/asking.js";
import { Grants } from "#engine-claude/grants.js";
import { HandedOver } from "#engine-claude/handed-over.js";

const CALL: PreToolUseHookInput = {
  hook_event_name: "PreToolUse",
  session_id: "s",
  transcript_path: "/dev/null",
  cwd: "/srv",
  tool_name: "Bash",
  tool_input: { command: "ls" },
  tool_use_id: "toolu_1",
};

function asking(decider: CallDecider): Asking {
  return new Asking({
    decider,
    unresolved: [],
    workdir: "/srv",
    grants: new Grants([]),
    interrupt: async () => undefined,
  });
}

describe("the hook of a process", () => {
  async function answerOf(hook: CallHook): Promise<unknown> {
    const [ask] = hook.options().hooks?.PreToolUse?.[0]?.hooks ?? [];
    const { signal } = new AbortController();
    const output = await ask?.(CALL, CALL.tool_use_id, { signal });
    return output !== undefined && "hookSpecificOutput" in output ? output.hookSpecificOutput : output;
  }

  it("denies every call while no turn runs, if every call is decided", async () => {
    expect(await answerOf(new CallHook(true))).to.deep.include({ permissionDecision: "deny" });
  });

  it("defers to the CLI's own rules if they decide", async () => {
    expect(await answerOf(new CallHook(false))).to.deep.equal({});
  });

  it("passes a call to the running turn only", async () => {
    const hook = new CallHook(true);
    hook.serve(asking({ decide: async () => ({ answer: "allow" }) }));
    expect(await answerOf(hook)).to.deep.include({ permissionDecision: "allow" });
    hook.serve(asking({ decide: async () => ({ answer: "deny", message: "not this" }) }));
    expect(await answerOf(hook)).to.deep.include({ permissionDecisionReason: "not this" });
    hook.serve(undefined);
    expect(await answerOf(hook)).to.deep.include({ permissionDecision: "deny" });
  });

  it("passes a call to a turn of the CLI's own while it runs, and then to the prompt's again", async () => {
    const hook = new CallHook(true);
    const prompts = asking({ decide: async () => ({ answer: "deny", message: "the prompt's" }) });
    const own = asking({ decide: async () => ({ answer: "deny", message: "its own" }) });
    const reason = async () => Object(await answerOf(hook)).permissionDecisionReason;
    hook.serve(prompts);
    hook.serveOwn(own);
    expect(await reason()).to.equal("its own");
    hook.leave(own);
    expect(await reason()).to.equal("the prompt's");
    hook.leave(prompts);
    expect(await reason()).to.equal("No turn is running.");
    hook.serveOwn(own);
    hook.serve(prompts);
    expect(await reason(), "a prompt waits for its end").to.equal("its own");
    hook.leave(own);
    expect(await reason()).to.equal("the prompt's");
  });

  it("keeps no call that the CLI does not ask about again for longer than its turn", async () => {
    const hook = new CallHook(true);
    const { hooks, canUseTool } = hook.options();
    const [ask] = hooks?.PreToolUse?.[0]?.hooks ?? [];
    const { signal } = new AbortController();
    hook.serve(asking({ decide: async () => ({ answer: "allow" }) }));
    await ask?.({ ...CALL, tool_name: "StructuredOutput" }, CALL.tool_use_id, { signal });
    hook.serve(asking({ decide: async () => ({ answer: "allow" }) }));
    const again = await canUseTool?.(
      "StructuredOutput",
      {},
      { signal, toolUseID: "toolu_1", requestId: "1" },
    );
    expect(again).to.deep.include({ behavior: "deny" });
  });

  it("passes no more calls on than can wait at once, and more once some are decided", async () => {
    const decide: (() => void)[] = [];
    const crowd = asking({
      decide: () => new Promise((resolve) => decide.push(() => resolve({ answer: "allow" }))),
    });
    const { signal } = new AbortController();
    let asked = 0;
    const ask = async (length: number) => {
      const call = { ...CALL, tool_use_id: `toolu_${++asked}`, tool_input: { command: "x".repeat(length) } };
      const answer = crowd.answer(call, signal);
      await sleep(0);
      return answer;
    };
    const reasonOf = async (length: number) => {
      const { hookSpecificOutput: said } = await ask(length);
      return said?.hookEventName === "PreToolUse" ? said.permissionDecisionReason : undefined;
    };
    const MIB = 1024 * 1024;
    // One alone may be larger than what several may be together.
    const first = ask(9 * MIB);
    expect(await reasonOf(1)).to.include("Too many calls wait");
    decide.shift()?.();
    await first;
    const waiting = Array.from({ length: 256 }, () => ask(1));
    expect(await reasonOf(1)).to.include("Too many calls wait");
    expect(decide.length).to.equal(256);
    for (const one of decide.splice(0)) one();
    await Promise.all(waiting);
    const again = ask(8 * MIB - 1000);
    expect(await reasonOf(1000)).to.include("Too many calls wait");
    const small = reasonOf(1);
    for (const one of decide.splice(0)) one();
    expect(await small).to.equal(undefined);
    await again;
  });

  describe("where a tool speaks for the CLI", () => {
    const { signal } = new AbortController();
    const reasonOf = async (asking: Asking, call: Partial<PreToolUseHookInput>) => {
      const { hookSpecificOutput: said } = await asking.answer({ ...CALL, ...call }, signal);
      return said?.hookEventName === "PreToolUse" ? (said.permissionDecisionReason ?? "") : "";
    };

    it("denies calls with names and directories that are too long to be kept", async () => {
      const decided = asking({ decide: async () => ({ answer: "allow" }) });
      const longest = { tool_use_id: "a".repeat(500), tool_name: "a".repeat(500), cwd: "/".repeat(4096) };
      expect(await reasonOf(decided, longest)).to.equal("");
      for (const wrong of [
        { tool_use_id: "a".repeat(501) },
        { tool_use_id: Object({}) },
        { tool_name: "a".repeat(501) },
        { tool_name: `mcp__client__${"a".repeat(501)}` },
        { tool_name: Object({}) },
        { cwd: "/".repeat(4097) },
        { cwd: Object({}) },
      ])
        expect(await reasonOf(decided, wrong)).to.include("at most 500 characters in its id and in its name");
    });

    it("remembers the directories of so many calls, and denies further ones from there", async () => {
      const decided = asking({ decide: async () => ({ answer: "allow" }) });
      for (let n = 0; n < 10_000; n++)
        expect(await reasonOf(decided, { tool_use_id: `${n}`, cwd: "/else" })).to.equal("");
      expect(await reasonOf(decided, { tool_use_id: "another", cwd: "/else" })).to.include("Too many calls");
      expect(await reasonOf(decided, { tool_use_id: "another" })).to.equal("");
      expect(await reasonOf(decided, { tool_use_id: "0", cwd: "/else" })).to.equal("");
    });

    it("counts all that the CLI says of a call that waits, not its input alone", async () => {
      const decide: (() => void)[] = [];
      const decided = asking({
        decide: () => new Promise((resolve) => decide.push(() => resolve({ answer: "allow" }))),
      });
      const large = { tool_input: {}, agent_type: "x".repeat(5 * 1024 * 1024) };
      const first = reasonOf(decided, large);
      expect(await reasonOf(decided, { ...large, tool_use_id: "toolu_2" })).to.include("Too many calls wait");
      for (const one of decide.splice(0)) one();
      expect(await first).to.equal("");
      const again = reasonOf(decided, large);
      for (const one of decide.splice(0)) one();
      expect(await again).to.equal("");
      const offered = new HandedOver({ siblingsOf: async () => [], unsettledWith: () => [] }, "parallel");
      expect((await offered.take("x", { ...CALL, ...large })).answer).to.equal("defer");
      expect((await offered.take("x", { ...CALL, ...large })).answer).to.equal("deny");
    });

    it("lets no more calls wait for a check, or for the end of a turn that made them", async () => {
      const never = new Promise<never>(() => undefined);
      const parts = { workdir: "/srv", grants: new Grants([]), decider: undefined };
      for (const waits of [
        new Asking({
          ...parts,
          unresolved: [],
          needsPermission: () => never,
          interrupt: async () => undefined,
        }),
        new Asking({ ...parts, unresolved: [CALL.tool_use_id], interrupt: () => never }),
      ]) {
        for (let n = 0; n < 256; n++) void waits.answer(CALL, signal);
        const answer = await Promise.race([reasonOf(waits, {}), sleep(100, "it waits")]);
        expect(answer).to.include("Too many calls wait");
      }
    });

    it("hands over no more calls of client tools than a turn can end with", async () => {
      const offered = new HandedOver({ siblingsOf: async () => [], unsettledWith: () => [] }, "parallel");
      const take = (length: number) =>
        offered.take("x", { ...CALL, tool_input: { text: "x".repeat(length) } });
      const MIB = 1024 * 1024;
      expect((await take(8 * MIB)).answer).to.equal("deny");
      expect((await take(7 * MIB)).answer).to.equal("defer");
      expect((await take(MIB)).answer).to.equal("deny");
      for (let n = 1; n < 256; n++) expect((await take(1)).answer).to.equal("defer");
      expect((await take(1)).answer).to.equal("deny");
      expect(offered.calls).to.have.length(256);
    });
  });

  it("ignores an undecided call once the turn has ended", async () => {
    let late = 0;
    const over = asking({ decide: async () => ({ answer: "allow" }) });
    const runs = asking({ decide: async () => ({ answer: "allow" }) });
    for (const one of [over, runs]) one.ifNotAsked("toolu_1", 10, () => late++);
    over.close();
    await sleep(100);
    expect(late).to.equal(1);
  });
});
