import { setTimeout as sleep } from "node:timers/promises";
import type { PreToolUseHookInput } from "@anthropic-ai/claude-agent-sdk";
import type { CallDecider } from "@claudeway/ports";
import { expect } from "chai";
import { Asking, CallHook } from "#engine-claude/asking.js";
import { Grants } from "#engine-claude/grants.js";

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
