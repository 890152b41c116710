import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { PermissionDenial, TurnResponse } from "@claudeway/schemas";
import { expect } from "chai";
import { Conversation } from "./conversation.js";
import { dealtTo } from "./dealt.js";
import { KEYS, TestGateway } from "./gateway.js";
import { LedgerFile } from "./ledger-file.js";
import { eventually } from "./poll.js";

interface Call {
  readonly tool: string;
  readonly input: Readonly<Record<string, string>>;
}

const write = (file_path: string, content: string): Call => ({
  tool: "Write",
  input: { file_path, content },
});
const append = (file: string): Call => ({
  tool: "Bash",
  input: { command: `echo ran >> ${file}`, description: "Append" },
});
const callsOf = (calls: readonly Call[]) => `[[tools ${JSON.stringify(calls)}]]`;
const idsOf = (denials: readonly PermissionDenial[] | undefined) =>
  (denials ?? []).map(({ tool_use_id }) => tool_use_id);

/*
 * Told that something was approved, the scripted model makes every call again that was denied in the turn before, the
 * approved ones and all others.
 */
describe("POST /session/:id/approve", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start({ args: ["--no-permissions-bypass"] });
  });
  after(() => gateway.dispose());

  const approve = (id: string, tool_use_ids: readonly string[], key: string = KEYS.admin) =>
    gateway.request<TurnResponse & { readonly code?: string }>(`/session/${id}/approve`, {
      body: { tool_use_ids },
      key,
    });

  it("runs exactly the two approved calls of four that the model repeats", async () => {
    const talk = await Conversation.start(gateway);
    const file = (name: string) => join(talk.workdir, name);
    const [a, b, other] = [file("a.txt"), file("b.txt"), file("other.txt")];
    const calls = [
      write(a, "A"),
      append(b),
      write(other, "A"),
      { tool: "Bash", input: { command: `echo B > ${a}`, description: "Same path" } },
    ];
    const denied = (await talk.say(callsOf(calls))).body.permission_denials;
    expect(
      denied?.map(({ tool_name, tool_input }) => ({ tool: tool_name, input: tool_input })),
    ).to.deep.equal(calls);
    expect([a, b, other].filter(existsSync)).to.deep.equal([]);

    const [first = "", second = "", ...rest] = idsOf(denied);
    const { status, body } = await approve(talk.id, [first, second]);
    expect(status).to.equal(200);
    expect(body.approved).to.deep.equal([
      { tool_use_id: first, ran: true },
      { tool_use_id: second, ran: true },
    ]);
    expect(readFileSync(a, "utf8")).to.equal("A");
    expect(readFileSync(b, "utf8")).to.equal("ran\n");
    expect(existsSync(other)).to.equal(false);
    expect(body.permission_denials?.map(({ tool_input }) => tool_input)).to.deep.equal(
      calls.slice(2).map(({ input }) => input),
    );

    const again = await approve(talk.id, [first]);
    expect(again.status).to.equal(409);
    expect(again.body.code).to.equal("CONFLICT");
    expect(readFileSync(b, "utf8")).to.equal("ran\n");
    expect((await approve(talk.id, [...rest.slice(0, 1), second])).status, "one new, one old").to.equal(409);
    expect(existsSync(other)).to.equal(false);
  });

  it("runs a call once, however often the model makes it", async () => {
    const talk = await Conversation.start(gateway);
    const file = join(talk.workdir, "log.txt");
    const denied = idsOf(
      (await talk.say(callsOf([append(file), append(file), append(file)]))).body.permission_denials,
    );
    expect(denied).to.have.length(3);
    const { body } = await approve(talk.id, denied.slice(0, 1));
    expect(readFileSync(file, "utf8")).to.equal("ran\n");
    expect(body.permission_denials).to.have.length(2);
  });

  it("runs a call once, however often it is approved at the same moment", async () => {
    const talk = await Conversation.start(gateway);
    const file = join(talk.workdir, "log.txt");
    const denied = idsOf((await talk.say(callsOf([append(file)]))).body.permission_denials);
    const answers = await Promise.all([1, 2, 3].map(() => approve(talk.id, denied)));
    expect(answers.map(({ status }) => status).sort()).to.deep.equal([200, 409, 409]);
    expect(readFileSync(file, "utf8")).to.equal("ran\n");
  });

  it("reports an approved call that the model does not repeat, and lets it be approved again", async () => {
    const talk = await Conversation.start(gateway);
    const file = join(talk.workdir, "log.txt");
    const denied = idsOf((await talk.say(callsOf([append(file)]))).body.permission_denials);
    // The model looks at the turn before only.
    expect((await talk.say("[[words 3]]")).body.success).to.equal(true);
    expect((await approve(talk.id, denied)).body.approved).to.deep.equal([
      { tool_use_id: denied[0], ran: false },
    ]);
    expect(existsSync(file)).to.equal(false);
    expect((await talk.say(callsOf([append(file)]))).body.permission_denials).to.have.length(1);
    expect((await approve(talk.id, denied)).body.approved).to.deep.equal([
      { tool_use_id: denied[0], ran: true },
    ]);
    expect(readFileSync(file, "utf8")).to.equal("ran\n");
  });

  it("does not know ids of another session, of another key, or of nowhere", async () => {
    const [mine, other] = await Promise.all([Conversation.start(gateway), Conversation.start(gateway)]);
    const file = join(mine.workdir, "a.txt");
    const denied = idsOf((await mine.say(callsOf([write(file, "A")]))).body.permission_denials);
    await other.say("[[words 3]]");
    for (const [id, ids] of [
      [other.id, denied],
      [mine.id, ["toolu_nowhere"]],
      [mine.id, [...denied, "toolu_nowhere"]],
    ] as const) {
      const { status, body } = await approve(id, ids);
      expect([status, body.code]).to.deep.equal([400, "BAD_REQUEST"]);
    }
    expect((await approve(mine.id, denied, KEYS.bob)).status).to.equal(404);
    expect(existsSync(file)).to.equal(false);
  });

  it("does nothing more for the turns after it", async () => {
    const talk = await Conversation.start(gateway);
    const file = join(talk.workdir, "log.txt");
    const denied = idsOf((await talk.say(callsOf([append(file)]))).body.permission_denials);
    await approve(talk.id, denied);
    expect((await talk.say(callsOf([append(file)]))).body.permission_denials).to.have.length(1);
    expect(readFileSync(file, "utf8")).to.equal("ran\n");
  });

  it("accepts the id of a one-shot task too, and records the cost there", async () => {
    const workdir = join(gateway.workdir, "of-a-task");
    const file = join(workdir, "task.txt");
    const body = { prompt: callsOf([append(file)]), workdir };
    const task = await gateway.request<TurnResponse>("/task", { body });
    const id = task.body.session_id;
    const denied = idsOf(task.body.permission_denials);
    expect((await approve(id, denied)).body.approved).to.deep.equal([{ tool_use_id: denied[0], ran: true }]);
    expect(readFileSync(file, "utf8")).to.equal("ran\n");
    expect((await approve(id, denied)).status).to.equal(409);
    expect((await approve(id, denied, KEYS.bob)).status).to.equal(404);
    const sums = await new LedgerFile(gateway.dataDir).session(id);
    const output = dealtTo(gateway.model, id).reduce((sum, { dealt }) => sum + dealt.output_tokens, 0);
    expect(sums.tokens.output).to.equal(output);
  });

  it("lets nothing in the workdir allow a call, before and after", async () => {
    const talk = await Conversation.start(gateway);
    const hooked = join(talk.workdir, "hooked");
    await gateway.request(talk.path, { body: { prompt: "[[words 1]]" } });
    mkdirSync(join(talk.workdir, ".claude"));
    const hook = [{ matcher: "*", hooks: [{ type: "command", command: `touch ${hooked}` }] }];
    writeFileSync(
      join(talk.workdir, ".claude", "settings.json"),
      JSON.stringify({ permissions: { allow: ["Bash(*)", "Write(*)"] }, hooks: { PreToolUse: hook } }),
    );
    const file = join(talk.workdir, "log.txt");
    const denied = idsOf(
      (await talk.say(callsOf([append(file), write(join(talk.workdir, "x"), "x")]))).body.permission_denials,
    );
    expect(denied).to.have.length(2);
    await approve(talk.id, denied.slice(0, 1));
    expect(readFileSync(file, "utf8")).to.equal("ran\n");
    expect([hooked, join(talk.workdir, "x")].filter(existsSync)).to.deep.equal([]);
  });

  it("runs nothing a second time when the gateway was killed over it", async () => {
    const talk = await Conversation.start(gateway);
    const wait = {
      tool: "Bash",
      input: {
        command: `touch ${join(talk.workdir, "began")} && node -e 'setTimeout(()=>{},60000)'`,
        description: "Wait",
      },
    };
    const denied = idsOf((await talk.say(callsOf([wait]))).body.permission_denials);
    const turn = approve(talk.id, denied).catch(() => undefined);
    await eventually("the approved call", () => talk.toolRuns());
    await gateway.stop("SIGKILL");
    await turn;
    await gateway.launch();
    talk.forgetTool();
    expect((await approve(talk.id, denied)).status).to.equal(409);
    expect(talk.toolRuns()).to.equal(false);
  });
});
