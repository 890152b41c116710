import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { McpError, type Progress } from "@modelcontextprotocol/sdk/types.js";
import { expect } from "chai";
import { KEYS, type TestGateway } from "../../e2e/gateway.js";
import { eventually } from "../../e2e/poll.js";
import { onOneGateway } from "../../e2e/two-nodes.js";
import { rejection } from "../../kernel/kit.js";
import { dataOf, McpClient, startGateway, textOf } from "./mcp-client.js";

describe("mcp with the client of the official SDK, the real CLI and the scripted model", () => {
  let gateway: TestGateway;
  let bob: McpClient;
  before(async () => {
    gateway = await startGateway();
    bob = await McpClient.connect(gateway.url, KEYS.bob);
  });
  after(async () => {
    await bob?.close();
    await gateway?.dispose();
  });

  const state = async (turnId: unknown) =>
    (await gateway.request(`/turns/${String(turnId)}`, { key: KEYS.bob })).body["state"];
  const session = async () => String(dataOf(await bob.call("session_start"))["session_id"]);

  it("says what it is, and lists its tools", async () => {
    expect(bob.client.getServerVersion()).to.include({ name: "claudeway", title: "Claudeway" });
    expect(bob.client.getServerCapabilities()).to.deep.equal({ tools: {}, resources: {}, prompts: {} });
    const { tools } = await bob.client.listTools();
    expect(tools.map(({ name }) => name)).to.deep.equal([
      "run_task",
      "start_task",
      "get_task",
      "cancel_task",
      "session_start",
      "session_prompt",
      "session_list",
      "session_end",
      "list_approvals",
      "decide_approval",
    ]);
    for (const { inputSchema, description } of tools) {
      expect(inputSchema).to.include({ type: "object", additionalProperties: false });
      expect(description).to.match(/\.$/);
    }
    await bob.client.ping();
  });

  it("runs a task, whose turn is that of its key, with its cost", async () => {
    const result = await bob.call("run_task", { prompt: "[[words 3]]", model: "haiku" });
    expect(textOf(result)).to.equal("word1 word2 word3");
    expect(result.isError).to.equal(undefined);
    const { turn_id: id, ...response } = dataOf(result);
    expect(response).to.include({ success: true, result: "word1 word2 word3" });
    const turn = await gateway.request(`/turns/${String(id)}`, { key: KEYS.bob });
    expect(turn.body).to.deep.include({ turn_id: id, state: "completed", result: response });
    expect((await gateway.request(`/turns/${String(id)}`, { key: KEYS.admin })).status).to.equal(404);
  });

  it("reports progress while a turn runs", async () => {
    const notes: Progress[] = [];
    await bob.call(
      "run_task",
      { prompt: "[[bash echo hi]] [[wait 700]] [[say Done.]]" },
      { onprogress: (note) => notes.push(note) },
    );
    expect(notes.map(({ progress }) => progress)).to.deep.equal(notes.map((_note, index) => index + 1));
    expect(notes.map(({ message }) => message)).to.include.members(["calls Bash", "writes: Done."]);
  });

  it("runs two calls at once", async () => {
    const results = await Promise.all([
      bob.call("run_task", { prompt: "[[wait 200]] [[say one]]" }),
      bob.call("run_task", { prompt: "[[wait 200]] [[say two]]" }),
    ]);
    expect(results.map(textOf)).to.deep.equal(["one", "two"]);
  });

  it("holds a conversation, lists it and ends it", async () => {
    const started = await bob.call("session_start", { title: "Capitals", model: "haiku" });
    const { session_id: id } = dataOf(started);
    await bob.call("session_prompt", { session_id: id, prompt: "[[say one]]" });
    const second = await bob.call("session_prompt", { session_id: id, prompt: "[[recall]]" });
    expect(textOf(second)).to.equal('I remember 1 earlier prompt: ["[[say one]]"]');
    expect(dataOf(second)).to.include({ session_id: id });
    const listed = dataOf(await bob.call("session_list"));
    expect(listed)
      .to.have.property("sessions")
      .that.satisfies((sessions: { session_id: string; title: string; task_count: number }[]) =>
        sessions.some((one) => one.session_id === id && one.title === "Capitals" && one.task_count === 2),
      );
    expect(dataOf(await bob.call("session_end", { session_id: id }))).to.deep.equal({
      session_id: id,
      deleted: true,
    });
    expect(textOf(await bob.call("session_prompt", { session_id: id, prompt: "x" }))).to.equal(
      "NOT_FOUND: no such session",
    );
  });

  it("interrupts the turn when its client cancels", async () => {
    const id = await session();
    const stop = new AbortController();
    const running = rejection(
      bob.call(
        "session_prompt",
        { session_id: id, prompt: "[[say begun]] [[hang]]" },
        { signal: stop.signal },
      ),
    );
    const turnOf = async () => {
      const { body } = await gateway.request<{ turns: { turn_id: string }[] }>(`/session/${id}/messages`, {
        key: KEYS.bob,
      });
      return body.turns[0]?.turn_id;
    };
    const turnId = await eventually("the turn", turnOf);
    stop.abort("enough");
    await running;
    await eventually("the interrupt", async () => (await state(turnId)) === "interrupted");
    expect(textOf(await bob.call("session_prompt", { session_id: id, prompt: "[[say fine]]" }))).to.equal(
      "fine",
    );
  });

  it("starts tasks that run without the client, and waits for them", async () => {
    const { task_id: id } = dataOf(await bob.call("start_task", { prompt: "[[wait 500]] [[say late]]" }));
    expect(dataOf(await bob.call("get_task", { task_id: id }))).to.include({ task_id: id, state: "running" });
    const ended = await bob.call("get_task", { task_id: id, wait_secs: 50 });
    expect(dataOf(ended)).to.include({ state: "completed", result: "late" });
    expect(textOf(ended)).to.equal("late");

    const { task_id: other } = dataOf(await bob.call("start_task", { prompt: "[[say begun]] [[hang]]" }));
    expect(dataOf(await bob.call("cancel_task", { task_id: other }))).to.deep.equal({
      task_id: other,
      cancelled: true,
    });
    const cancelled = await bob.call("get_task", { task_id: other, wait_secs: 50 });
    expect(dataOf(cancelled)).to.include({ state: "interrupted", success: false });
    expect(cancelled.isError).to.equal(true);
    expect(dataOf(await bob.call("cancel_task", { task_id: other }))).to.include({ cancelled: false });
  });

  it("gives failures and invalid arguments as results that the model reads", async () => {
    const failed = await bob.call("run_task", { prompt: "[[fail 400 broken]]" });
    expect(failed.isError).to.equal(true);
    expect(textOf(failed)).to.contain("API Error: 400 broken");
    for (const [name, args, message] of [
      ["run_task", {}, "BAD_REQUEST: prompt must be a string, got nothing"],
      ["run_task", { prompt: 5 }, "BAD_REQUEST: prompt must be a string, got 5"],
      [
        "run_task",
        { prompt: "x", nope: 1 },
        /^BAD_REQUEST: unknown argument "nope"; known arguments: prompt, /,
      ],
      [
        "run_task",
        { prompt: "x", effort: "huge" },
        'BAD_REQUEST: effort must be one of low, medium, high, xhigh, max, got "huge"',
      ],
      ["run_task", { prompt: "x", workdir: "/proc" }, /^BAD_REQUEST: workdir must not be/],
      ["get_task", { task_id: "nope" }, "NOT_FOUND: no such task"],
      ["nope", {}, "NOT_FOUND: no such tool: nope"],
    ] as const) {
      const result = await bob.call(name, args);
      expect(result.isError, name).to.equal(true);
      if (typeof message === "string") expect(textOf(result)).to.equal(message);
      else expect(textOf(result)).to.match(message);
    }
  });

  it("fills a schema", async () => {
    const output_schema = { type: "object", required: ["name"], properties: { name: { type: "string" } } };
    const result = await bob.call("run_task", { prompt: '[[fill {"name": "Ada"}]]', output_schema });
    expect(dataOf(result)).to.deep.include({ structured_output: { name: "Ada" } });
    expect(JSON.parse(textOf(result))).to.deep.equal({ name: "Ada" });
  });

  it("lists an approval and decides it, while its turn waits", async () => {
    const notes: string[] = [];
    const running = bob.call(
      "run_task",
      { prompt: "[[bash touch made.txt]] [[say Touched.]]" },
      { onprogress: ({ message = "" }) => notes.push(message) },
    );
    const waiting = await eventually("the approval", async () => {
      const { approvals } = dataOf(await bob.call("list_approvals"));
      return Array.isArray(approvals) ? approvals[0] : undefined;
    });
    expect(waiting).to.include({ tool: "Bash", status: "pending", may_decide: true, key_id: "bob" });
    expect(waiting.call).to.contain("touch made.txt");
    expect(waiting.cwd).to.match(/^\//);
    const alice = await McpClient.connect(gateway.url, KEYS.admin);
    expect(dataOf(await alice.call("list_approvals"))).to.include({ total: 1 });
    await alice.close();
    const id = waiting.approval_id;
    const decided = await bob.call("decide_approval", { approval_id: id, decision: "allow" });
    expect(textOf(decided)).to.equal("The call of Bash was allowed.");
    expect(textOf(await running)).to.equal("Touched.");
    expect(notes).to.include.members([`Bash waits for a decision, approval ${id}`, "Bash was allowed"]);
    const again = await bob.call("decide_approval", { approval_id: id, decision: "deny" });
    expect(textOf(again)).to.match(/^CONFLICT: already decided: allowed by key bob from mcp 127\.0\.0\.1/);
  });

  it("reads the files of sessions as resources, and nothing else", async () => {
    const started = dataOf(await bob.call("session_start", { title: "Files" }));
    const [id, workdir] = [String(started["session_id"]), String(started["workdir"])];
    await bob.call("session_prompt", { session_id: id, prompt: "[[write notes.md hello]]" });
    mkdirSync(join(workdir, "a folder"));
    writeFileSync(join(workdir, "a folder", "pixel.png"), Buffer.from([0x89, 0x50, 0, 1]));
    writeFileSync(join(workdir, "large.bin"), Buffer.alloc(1024 * 1024 + 1));
    symlinkSync("/etc/hostname", join(workdir, "link"));
    const base = `claudeway://sessions/${id}/files`;

    const { resources } = await bob.client.listResources();
    const mine = resources.filter(({ uri }) => uri.startsWith(base));
    expect(mine.map(({ uri }) => uri)).to.have.members([
      `${base}/a%20folder`,
      `${base}/large.bin`,
      `${base}/notes.md`,
    ]);
    expect(mine.find(({ name }) => name === "notes.md")).to.deep.include({
      title: "Files: notes.md",
      mimeType: "text/markdown",
      size: 5,
    });
    const { resourceTemplates } = await bob.client.listResourceTemplates();
    expect(resourceTemplates[0]?.uriTemplate).to.equal("claudeway://sessions/{session_id}/files/{+path}");

    const read = async (uri: string) => (await bob.client.readResource({ uri })).contents;
    expect(await read(`${base}/notes.md`)).to.deep.equal([
      { uri: `${base}/notes.md`, mimeType: "text/markdown", text: "hello" },
    ]);
    expect(await read(`${base}/a%20folder/pixel.png`)).to.deep.equal([
      { uri: `${base}/a%20folder/pixel.png`, mimeType: "image/png", blob: "iVAAAQ==" },
    ]);
    const [folder] = await read(`${base}/a%20folder`);
    expect(JSON.stringify(folder)).to.contain("a%20folder/pixel.png");
    for (const [uri, code] of [
      [`${base}/none`, -32002],
      [`${base}/link`, -32000],
      [`${base}/large.bin`, -32000],
      [`${base}/..%2f..%2fx`, -32602],
      ["file:///etc/hostname", -32002],
      ["claudeway://sessions/00000000-0000-4000-8000-000000000000/files/a", -32002],
    ] as const) {
      const error = await rejection(read(uri));
      expect(error, uri).to.be.instanceOf(McpError).and.include({ code });
    }
    const alice = await McpClient.connect(gateway.url, KEYS.admin);
    expect(await rejection(alice.client.readResource({ uri: `${base}/notes.md` }))).to.include({
      code: -32002,
    });
    await alice.close();
  });

  it("offers the CLI's slash commands as prompts", async () => {
    const { prompts } = await bob.client.listPrompts();
    expect(prompts.map(({ name }) => name)).to.include("compact");
    const { messages } = await bob.client.getPrompt({ name: "compact", arguments: { arguments: "now" } });
    expect(messages).to.deep.equal([
      {
        role: "user",
        content: {
          type: "text",
          text: 'Call the tool run_task of this server with exactly this prompt, and show me its answer: "/compact now"',
        },
      },
    ]);
    expect(await rejection(bob.client.getPrompt({ name: "nope" }))).to.include({ code: -32602 });
  });

  it("refuses a wrong key, and says where the metadata is", async () => {
    expect(await rejection(McpClient.connect(gateway.url, "sk-wrong"))).to.include({ code: 401 });
    const response = await fetch(`${gateway.url}/mcp`, { method: "POST" });
    const metadata = `${gateway.url}/.well-known/oauth-protected-resource/mcp`;
    expect(response.headers.get("www-authenticate")).to.equal(
      `Bearer realm="claudeway", resource_metadata="${metadata}"`,
    );
    expect(await (await fetch(metadata)).json()).to.deep.equal({
      resource: `${gateway.url}/mcp`,
      resource_name: "Claudeway",
      bearer_methods_supported: ["header"],
    });
  });

  it("keeps a session to its key, and ends it", async () => {
    const alice = await McpClient.connect(gateway.url, KEYS.admin);
    const { sessionId } = alice;
    const ping = (key: string) =>
      fetch(`${gateway.url}/mcp`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${key}`,
          accept: "application/json, text/event-stream",
          "content-type": "application/json",
          "mcp-session-id": sessionId,
        },
        body: '{"jsonrpc": "2.0", "id": 1, "method": "ping"}',
      });
    const foreign = await ping(KEYS.bob);
    expect([foreign.status, await foreign.json()]).to.deep.equal([
      404,
      {
        jsonrpc: "2.0",
        id: null,
        error: {
          code: -32001,
          message: "no such MCP session; initialize a new one",
          data: { code: "NOT_FOUND" },
        },
      },
    ]);
    expect((await ping(KEYS.admin)).status).to.equal(200);
    await alice.transport.terminateSession();
    expect((await ping(KEYS.admin)).status).to.equal(404);
    await alice.close();
  });

  onOneGateway(
    "sessions of the protocol survive the gateways of a cluster, and a proxy is before them",
    () => {
      it("keeps started tasks when the gateway is killed, but not protocol sessions", async () => {
        const mine = await McpClient.connect(gateway.url, KEYS.bob);
        const { task_id: ended } = dataOf(await mine.call("start_task", { prompt: "[[say kept]]" }));
        await mine.call("get_task", { task_id: ended, wait_secs: 50 });
        const { task_id: killed } = dataOf(
          await mine.call("start_task", { prompt: "[[say begun]] [[hang]]" }),
        );
        const port = new URL(gateway.url).port;
        await gateway.stop("SIGKILL");
        await gateway.launch({ env: { IS_SANDBOX: "1" }, args: ["--enable-plugin", "mcp", "--port", port] });
        expect(await rejection(mine.call("session_list"))).to.include({ code: 404 });
        await mine.close();
        const again = await McpClient.connect(gateway.url, KEYS.bob);
        expect(textOf(await again.call("get_task", { task_id: ended }))).to.equal("kept");
        expect(dataOf(await again.call("get_task", { task_id: killed }))).to.include({ state: "lost" });
        await again.close();
      });
    },
    () => gateway,
  );
});
