import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { LedgerFile } from "./ledger-file.js";
import { startMcpServer, type TestMcpServer } from "./mcp-server.js";
import { ALLOW_ALL, type Asked, OptionsGateway } from "./options-kit.js";
import { eventually } from "./poll.js";
import { readProcess } from "./processes.js";

const BASH =
  '[[{"tool": "Bash", "input": {"command": "touch made.txt", "description": "Test"}}]] [[say done]]';

describe("options of turns, on a prewarmed process", () => {
  let kit: OptionsGateway;
  let mcp: TestMcpServer;
  before(async () => {
    mcp = await startMcpServer();
    kit = await OptionsGateway.start({ config: `[engine]\nspares = 1\n${ALLOW_ALL}` });
    const { answer } = await kit.ask("/task", { prompt: "[[say hi]]" });
    const [turn] = await new LedgerFile(kit.gateway.dataDir).turns(answer.body.session_id);
    last = turn?.pid;
  });
  after(async () => {
    await kit.dispose();
    mcp.close();
  });

  /** The process of the last task, which may still be on its way out. */
  let last: number | null | undefined;

  /** A task, and whether it ran in the process that had been started ahead; again if that was not ready in time. */
  async function prewarmed(body: object, tries = 5): Promise<Asked & { readonly was: boolean }> {
    const asked = await attempt(body);
    return asked.was || tries === 1 ? asked : prewarmed(body, tries - 1);
  }

  async function attempt(body: object): Promise<Asked & { readonly was: boolean }> {
    const pid = await eventually("a spare process", async () => {
      // In the sandbox, each has children of its own.
      const { pid: gateway } = kit.gateway;
      const own = (pid: number) => new RegExp(`^PPid:\\s*${gateway}$`, "m").test(readProcess(pid, "status"));
      const [only, ...more] = (await kit.gateway.children()).filter(own);
      return more.length === 0 && only !== last ? only : undefined;
    });
    // It is handed out once it has answered.
    await sleep(1000);
    const asked = await kit.ask("/task", body);
    const [turn] = await new LedgerFile(kit.gateway.dataDir).turns(asked.answer.body.session_id);
    last = turn?.pid;
    return { ...asked, was: turn?.pid === pid };
  }

  it("what can change on a live process is changed there", async () => {
    const servers = { sums: { type: "http", url: mcp.url, alwaysLoad: true } };
    const add = '[[{"tool": "mcp__sums__add", "input": {"a": 2, "b": 40}}]] [[say done]]';
    const model = await prewarmed({ prompt: "[[say hi]]", model: "haiku" });
    expect([model.was, /haiku/.test(model.sent[0]?.model ?? "")]).to.deep.equal([true, true]);
    const effort = await prewarmed({ prompt: "[[say hi]]", effort: "low" });
    expect([effort.was, effort.sent[0]?.output_config?.["effort"]]).to.deep.equal([true, "low"]);
    const plan = await prewarmed({ prompt: BASH, permission_mode: "plan" });
    expect([plan.was, plan.answer.body.permission_denials?.length]).to.deep.equal([true, 1]);
    const server = await prewarmed({ prompt: add, mcp_servers: servers });
    expect(server.was).to.equal(true);
    expect(JSON.stringify(server.sent.at(-1)?.messages.at(-1))).to.include("the sum is 42");
    const plain = await prewarmed({ prompt: "[[say hi]]" });
    expect([plain.was, /sonnet/.test(plain.sent[0]?.model ?? "")]).to.deep.equal([true, true]);
    expect(plain.sent[0]?.output_config?.["effort"]).to.equal("medium");
  });

  it("what cannot starts another one", async () => {
    const { was, sent } = await prewarmed({
      prompt: "[[say hi]]",
      append_system_prompt: "Answer in rhymes.",
    });
    expect([was, JSON.stringify(sent[0]?.system).includes("Answer in rhymes.")]).to.deep.equal([false, true]);
  });
});
