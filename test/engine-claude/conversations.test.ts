import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { pino } from "pino";
import { TranscriptConversations } from "#engine-claude/conversations.js";
import { Transcript } from "#engine-claude/transcript.js";

const ID = "0b0e5b5a-3d0f-4d2a-9d0e-0d5b8f6f0a01";
const FIRST = { page: 1, limit: 20 };

let count = 0;

function line(type: "user" | "assistant", content: unknown, more: object = {}): string {
  count++;
  const uuid = `00000000-0000-4000-8000-${String(count).padStart(12, "0")}`;
  const message = {
    role: type,
    ...(type === "assistant" && { id: `msg_${count}`, model: "haiku" }),
    content,
  };
  const timestamp = new Date(count * 1000).toISOString();
  return `${JSON.stringify({ parentUuid: null, type, message, uuid, timestamp, ...more })}\n`;
}

function prompt(text: string, more: object = {}): string {
  return line("user", text, { promptId: text, ...more });
}

function answer(text: string, more: object = {}): string {
  return line("assistant", [{ type: "text", text }], more);
}

describe("conversations in transcripts", () => {
  const conversations = new TranscriptConversations(pino({ level: "silent" }), "test.1");
  let dir: string;
  let file: string;
  let conversation: { session: string; spawn: { cwd: string; env: Record<string, string> } };
  beforeEach(() => {
    count = 0;
    dir = mkdtempSync(join(tmpdir(), "claudeway-conversations-"));
    const spawn = { cwd: join(dir, "work"), env: { CLAUDE_CONFIG_DIR: join(dir, "config") } };
    conversation = { session: ID, spawn };
    mkdirSync(spawn.cwd);
    file = new Transcript(ID, spawn).path;
    mkdirSync(join(file, ".."), { recursive: true });
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  async function read(query = FIRST) {
    const found = await conversations.read(conversation, query);
    if (typeof found === "string") throw new Error(found);
    return found;
  }

  /** The texts of each turn, the earliest turn first. */
  async function texts(query = FIRST): Promise<unknown[][]> {
    const { turns } = await read(query);
    return turns
      .toReversed()
      .map(({ messages }) =>
        messages.flatMap(({ content }) => content.map((block) => JSON.stringify(block))),
      );
  }

  const text = (said: string) => JSON.stringify({ type: "text", text: said });

  it("leave out the CLI's own notes, subagents' messages, and summaries", async () => {
    writeFileSync(
      file,
      [
        prompt("one"),
        line("user", "a note", { promptId: "note", isMeta: true }),
        line("user", "a subagent's", { promptId: "agent", isSidechain: true }),
        line("user", "a summary", { promptId: "summary", isCompactSummary: true }),
        '{"type":"attachment","attachment":{"type":"date"},"uuid":"x","timestamp":"2026-01-01T00:00:00.000Z"}\n',
        answer("two"),
      ].join(""),
    );
    expect(await texts()).to.deep.equal([[text("one"), text("two")]]);
  });

  it("keep an interruption in the turn that was interrupted", async () => {
    const interrupted = line("user", [{ type: "text", text: "[Request interrupted by user]" }]);
    writeFileSync(file, [prompt("one"), interrupted, prompt("two")].join(""));
    expect((await texts()).map((turn) => turn.length)).to.deep.equal([2, 1]);
  });

  it("pass over lines that are torn, no JSON, or of another shape", async () => {
    const whole = [prompt("one"), answer("two")].join("");
    const odd = [
      '{"type":"user","message":',
      "null",
      '"type":"user"',
      '{"type":"user","message":{"content":7}}',
    ];
    writeFileSync(file, `${odd.join("\n")}\n${whole}`);
    appendFileSync(file, prompt("being written").slice(0, -5));
    expect(await texts()).to.deep.equal([[text("one"), text("two")]]);
  });

  it("join the parts of a message of the model", async () => {
    const part = (block: object) =>
      `${JSON.stringify({ type: "assistant", uuid: "x", timestamp: "2026-01-01T00:00:00Z", message: { id: "msg", content: [block] } })}\n`;
    writeFileSync(
      file,
      [
        prompt("one"),
        part({ type: "thinking", thinking: "hm" }),
        part({ type: "text", text: "two" }),
        part({ type: "tool_use", id: "t", name: "Read", input: { file_path: "a" } }),
      ].join(""),
    );
    const [turn] = (await read()).turns;
    expect(turn?.messages.map(({ content }) => content.map(({ type }) => type))).to.deep.equal([
      ["text"],
      ["thinking", "text", "tool_use"],
    ]);
  });

  it("show images without their data, and cut what is long", async () => {
    const data = "A".repeat(3_000_000);
    const long = "x".repeat(70_000);
    const content = [
      { type: "image", source: { type: "base64", media_type: "image/png", data } },
      { type: "document", source: { type: "file", path: "/x" } },
      { type: "text", text: long },
    ];
    const call = {
      type: "tool_use",
      id: "t",
      name: "Write",
      input: { content: long, deep: [{ content: long }] },
    };
    const huge = { type: "tool_use", id: "u", name: "Write", input: { list: Array(300_000).fill("x") } };
    const result = {
      type: "tool_result",
      tool_use_id: "t",
      is_error: true,
      content: [{ type: "text", text: long }],
    };
    writeFileSync(
      file,
      [
        line("user", content, { promptId: "p" }),
        line("assistant", [call, huge]),
        line("user", [result], { promptId: "p" }),
      ].join(""),
    );
    const blocks = (await read()).turns.flatMap(({ messages }) =>
      messages.flatMap((message) => message.content),
    );
    const cut = { text: "x".repeat(65_536), length: 70_000 };
    const shortened = "x".repeat(16_384);
    expect(blocks).to.deep.equal([
      { type: "image", media_type: "image/png" },
      { type: "document", media_type: null },
      { type: "text", ...cut },
      { ...call, input: { content: shortened, deep: [{ content: shortened }] }, cut: true },
      { ...huge, input: {}, cut: true },
      { type: "tool_result", tool_use_id: "t", ok: false, ...cut },
    ]);
  });

  it("give no more than a page may hold, and say so", async () => {
    const long = "x".repeat(60_000);
    for (let turn = 0; turn < 3; turn++) {
      appendFileSync(file, prompt(`${turn}`));
      for (let n = 0; n < 40; n++) appendFileSync(file, answer(long));
    }
    const page = await read();
    expect(JSON.stringify(page).length).to.be.below(5 * 1024 * 1024);
    expect(page.total).to.equal(3);
    expect(page.turns.map(({ truncated }) => truncated)).to.deep.equal([false, true, true]);
    expect((await read({ page: 3, limit: 1 })).turns.map(({ truncated }) => truncated)).to.deep.equal([
      false,
    ]);
  });

  it("give any page of many turns", async () => {
    const noise = `{"type":"api-request-blob","text":"${"x".repeat(20_000)}"}\n`;
    for (let turn = 0; turn < 2_000; turn++) appendFileSync(file, prompt(`${turn}`) + noise + answer("yes"));
    const page = await read({ page: 200, limit: 10 });
    expect(page.total).to.equal(2_000);
    expect(page.turns.map(({ messages }) => messages.length)).to.deep.equal(Array(10).fill(2));
    expect(await texts({ page: 2_000, limit: 1 })).to.deep.equal([[text("0"), text("yes")]]);
  });

  it("pass over a line that is longer than any page", async () => {
    writeFileSync(file, prompt("one") + prompt("x".repeat(33 * 1024 * 1024)) + prompt("two"));
    expect(await texts()).to.deep.equal([[text("one")], [text("two")]]);
  });

  it("are found in another folder's project too", async () => {
    const other = join(dir, "config", "projects", "elsewhere");
    mkdirSync(other);
    writeFileSync(file, prompt("one"));
    renameSync(file, join(other, `${ID}.jsonl`));
    expect(await texts()).to.deep.equal([[text("one")]]);
  });

  it("say whether there is none, or it can't be read", async () => {
    expect(await conversations.read(conversation, FIRST)).to.equal("missing");
    mkdirSync(file);
    expect(await conversations.read(conversation, FIRST)).to.equal("unreadable");
  });

  it("give the prompts of turns by their ids", async () => {
    writeFileSync(
      file,
      [prompt("one"), answer("two"), prompt("x".repeat(300_000)), prompt("three")].join(""),
    );
    const ids = new Set([1, 3, 99].map((n) => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`));
    const found = await conversations.prompts(conversation, ids);
    expect([...found.values()]).to.deep.equal([
      { text: "one", chars: 3 },
      { text: "x".repeat(200_000), chars: 300_000 },
    ]);
  });
});
