import type { TurnResponse } from "@claudeway/schemas";
import { expect } from "chai";
import { asking, decide, onlyPending, turnIn } from "./approval-kit.js";
import { Conversation } from "./conversation.js";
import { startMcpServer, type TestMcpServer } from "./mcp-server.js";
import { ALLOW_ALL, OptionsGateway } from "./options-kit.js";

describe("options of a turn that parks", () => {
  let kit: OptionsGateway;
  let mcp: TestMcpServer;
  before(async () => {
    mcp = await startMcpServer();
    const { config, ...options } = asking({ live_wait_secs: 0 });
    kit = await OptionsGateway.start({ ...options, config: `[engine]\nspares = 0\n${ALLOW_ALL}${config}` });
  });
  after(async () => {
    await kit.dispose();
    mcp.close();
  });

  it("hold when it goes on in another process, over a restart: servers, schema and prompt", async () => {
    const { gateway } = kit;
    const talk = await Conversation.start(gateway);
    const calls = [
      { tool: "mcp__sums__add", input: { a: 2, b: 40 } },
      { tool: "StructuredOutput", input: { sum: 42 } },
    ];
    const { body, headers } = await gateway.request<TurnResponse>(talk.path, {
      body: {
        prompt: calls.map((call) => `[[${JSON.stringify(call)}]]`).join(" "),
        mcp_servers: { sums: { type: "http", url: mcp.url, alwaysLoad: true } },
        append_system_prompt: "Add up.",
        output_schema: { type: "object", properties: { sum: { type: "number" } }, required: ["sum"] },
      },
    });
    expect(body.pending_approval?.tool).to.equal("mcp__sums__add");
    await gateway.stop();
    await gateway.launch();
    const before = kit.count;
    await decide(gateway, (await onlyPending(gateway, talk)).id, {
      decision: "allow",
    });
    const { result } = await turnIn(gateway, String(headers.get("x-turn-id")), "completed");
    expect(mcp.requests.filter(({ method }) => method === "tools/call")).to.have.length(1);
    expect(result?.structured_output).to.deep.equal({ sum: 42 });
    const system = kit.sentSince(before).map((sent) => JSON.stringify(sent.system));
    expect(system.length).to.be.greaterThan(0);
    for (const one of system) expect(one).to.include("Add up.");
  });
});
