import { expect } from "chai";
import { KEYS, type TestGateway } from "../../e2e/gateway.js";
import { eventually } from "../../e2e/poll.js";
import { ClaudeRun, calls } from "./claude-cli.js";
import { startGateway } from "./mcp-client.js";

type Calls = readonly (readonly [tool: string, input: object])[];

describe("mcp with Claude Code as its client, and the scripted model", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await startGateway();
  });
  after(() => gateway.dispose());

  const claude = (prompt: string, key: string = KEYS.bob) => new ClaudeRun(gateway, key, prompt);
  const ask = (...given: Calls) => claude(calls(...given)).result();
  const newSession = async (key: string) =>
    (await gateway.request<{ session_id: string }>("/session/start", { body: {}, key })).body;

  it("connects, lists the tools and runs a task", async () => {
    const run = claude(calls(["run_task", { prompt: "[[say inner]]" }]));
    expect(await run.result()).to.contain('"result":"inner","success":true');
    expect(run.status).to.equal("connected");
    const [init] = run.messages;
    expect(init?.tools).to.include.members(["mcp__claudeway__run_task", "mcp__claudeway__decide_approval"]);
  });

  it("runs two calls of one message", async () => {
    const answer = await ask(
      ["run_task", { prompt: "[[wait 300]] [[say left]]" }],
      ["run_task", { prompt: "[[wait 300]] [[say right]]" }],
    );
    expect(answer).to.contain('"result":"left"').and.contain('"result":"right"');
  });

  it("is told why a turn failed, and that a session is another key's", async () => {
    expect(await ask(["run_task", { prompt: "[[fail 400 broken]]" }])).to.match(
      /failed: .*API Error: 400 broken/,
    );
    const { session_id } = await newSession(KEYS.admin);
    expect(await ask(["session_prompt", { session_id, prompt: "hello" }])).to.contain("no such session");
  });

  it("reads a session's file as a resource", async () => {
    const { session_id: id } = await newSession(KEYS.bob);
    await gateway.request(`/session/${id}`, { body: { prompt: "[[write notes.md 42]]" }, key: KEYS.bob });
    const uri = `claudeway://sessions/${id}/files/notes.md`;
    expect(await ask(["ListMcpResourcesTool", { server: "claudeway" }])).to.contain(uri);
    expect(await ask(["ReadMcpResourceTool", { server: "claudeway", uri }])).to.contain("42");
  });

  it("offers the slash commands as its own", async () => {
    const run = claude("[[say hello]]");
    await run.ended();
    expect(JSON.stringify(run.messages[0])).to.contain("mcp__claudeway__compact");
  });

  it("lists an approval and decides it", async () => {
    const running = claude(calls(["run_task", { prompt: "[[bash touch made.txt]] [[say Touched.]]" }]));
    const id = await eventually("the approval", async () => {
      const { body } = await gateway.request<{ approvals: { id: string }[] }>("/approvals", {
        key: KEYS.bob,
      });
      return body.approvals[0]?.id;
    });
    expect(await ask(["list_approvals", {}])).to.contain(id);
    expect(await ask(["decide_approval", { approval_id: id, decision: "allow" }])).to.contain(
      '"status":"allowed"',
    );
    expect(await running.result()).to.contain('"result":"Touched."');
  });

  it("interrupts its turn when it is ended", async () => {
    const { session_id } = await newSession(KEYS.bob);
    const run = claude(calls(["session_prompt", { session_id, prompt: "[[say begun]] [[hang]]" }]));
    const turnOf = async () =>
      (
        await gateway.request<{ turns: { turn_id: string }[] }>(`/session/${session_id}/messages`, {
          key: KEYS.bob,
        })
      ).body.turns[0]?.turn_id;
    const turnId = await eventually("the turn", turnOf);
    run.kill("SIGINT");
    await run.ended();
    const state = async () => (await gateway.request(`/turns/${turnId}`, { key: KEYS.bob })).body["state"];
    await eventually("the interrupt", async () => (await state()) === "interrupted");
  });

  it("does not connect with a wrong key", async () => {
    const run = claude("[[say hello]]", "sk-wrong");
    expect(await run.result()).to.equal("hello");
    expect(run.status).to.be.oneOf(["failed", "needs-auth"]);
  });

  it("begins a new session of the protocol after a restart of the gateway", async () => {
    const port = new URL(gateway.url).port;
    const run = claude(
      `${calls(["session_list", {}])} [[bash node -e 'setTimeout(()=>{},8000)']] ${calls(["run_task", { prompt: "[[say again]]" }])}`,
    );
    await eventually("the first answer", () => run.messages.some(({ type }) => type === "user"));
    await gateway.stop("SIGKILL");
    await gateway.launch({
      env: { IS_SANDBOX: "1" },
      args: ["--enable-plugin", "mcp", "--port", port],
    });
    expect(await run.result()).to.contain('"result":"again"');
  });
});
