import type { EngineEvent } from "@claudeway/ports";
import { expect } from "chai";
import { play } from "./played.js";

function named(events: readonly EngineEvent[], type: EngineEvent["type"]) {
  return events.filter((event) => event.type === type).map(({ data }) => data);
}

describe("the engine's events, on a recorded CLI", () => {
  it("name the call whose subagent they belong to", async () => {
    const { events, result } = await play("subagent in a turn");
    const [launch] = named(events, "tool_call");
    expect(launch).to.include({ name: "Agent" });
    expect(launch).not.to.have.property("parent_tool_use_id");
    expect(result).to.deep.include({ toolCalls: { Agent: 1 }, stopReason: "end_turn", process: "cold" });
    const [started, ended] = named(events, "task");
    expect(started).to.include({ state: "started", kind: "subagent", background: false });
    expect(ended).to.include({ state: "ended", result: "completed", tokens: 126, tool_calls: 0 });
  });

  it("report a job in the background: its start in the turn, its end outside of turns", async () => {
    const { first, own, second, stage } = await play("job");
    expect(named(first.events, "task")).to.have.length(1);
    expect(named(stage.between, "task")).to.deep.include.members([
      {
        ...named(first.events, "task")[0],
        state: "ended",
        result: "completed",
        summary: 'Background command "Test job" completed (exit code 0)',
      },
    ]);
    expect([first, own, second].map((ran) => ran?.result.process)).to.deep.equal(["cold", undefined, "live"]);
    expect(named(first.events, "tool_result")).to.have.length(1);
  });

  it("tell a live process from a new one, and measure the first output", async () => {
    const { first, second } = await play("resumed");
    expect([first, second].map(({ result }) => result.process)).to.deep.equal(["cold", "cold"]);
    const { third } = await play("answers");
    expect(third.result.process).to.equal("live");
    expect(third.result.firstTokenMs).to.be.within(0, 60_000);
  });
});
