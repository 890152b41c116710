import { expect } from "chai";
import { asking, newSession, park, turnIn } from "../../e2e/approval-kit.js";
import { KEYS, TestGateway } from "../../e2e/gateway.js";
import { eventually } from "../../e2e/poll.js";
import { dataOf, McpClient, textOf } from "./mcp-client.js";

describe("mcp: cancelling turns of sessions", () => {
  let gateway: TestGateway;
  let bob: McpClient;
  before(async () => {
    const config = asking({ live_wait_secs: 0.2 });
    gateway = await TestGateway.start({ ...config, args: [...config.args, "--enable-plugin", "mcp"] });
    bob = await McpClient.connect(gateway.url, KEYS.admin);
  });
  after(async () => {
    await bob?.close();
    await gateway?.dispose();
  });

  it("leaves a later turn of the session alone where the turn has ended", async () => {
    const { id } = await newSession(gateway);
    const ask = (prompt: string) => bob.call("session_prompt", { session_id: id, prompt });
    const { turn_id: ended } = dataOf(await ask("[[say one]]"));
    const answer = ask("[[say begun]] [[hang]]");
    const running = await eventually("the second turn", async () => {
      const { body } = await gateway.request<{ turns: { turn_id: string }[] }>(`/session/${id}/messages`);
      return body.turns.map(({ turn_id }) => turn_id).find((turnId) => turnId !== ended);
    });
    await turnIn(gateway, running, "running");
    const late = await bob.call("cancel_task", { task_id: ended });
    expect(dataOf(late)).to.deep.equal({ task_id: ended, cancelled: false });
    expect(textOf(late)).to.equal(`Task ${String(ended)} had ended.`);
    await turnIn(gateway, running, "running");
    expect(dataOf(await bob.call("cancel_task", { task_id: running }))).to.include({ cancelled: true });
    expect(dataOf(await answer)).to.include({ turn_id: running, success: false });
    await turnIn(gateway, running, "interrupted");
  });

  it("ends a turn that is parked", async () => {
    const { turnId } = await park(gateway, await newSession(gateway), "[[write a.txt A]]");
    await turnIn(gateway, turnId, "parked");
    expect(dataOf(await bob.call("cancel_task", { task_id: turnId }))).to.include({ cancelled: true });
    await turnIn(gateway, turnId, "interrupted");
    expect(dataOf(await bob.call("cancel_task", { task_id: turnId }))).to.include({ cancelled: false });
  });
});
