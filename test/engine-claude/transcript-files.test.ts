import { execFileSync } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect } from "chai";
import { pino } from "pino";
import { TranscriptConversations } from "#engine-claude/conversations.js";
import { Transcript } from "#engine-claude/transcript.js";
import { MAX_TRANSCRIPT_BYTES, openTranscriptSync } from "#engine-claude/transcript-files.js";
import { writtenSince } from "#engine-claude/written-usage.js";

const ID = "0b0e5b5a-3d0f-4d2a-9d0e-0d5b8f6f0a01";
const SECRET = "what was said with another key";
const AT = new Date(0);

/** A conversation with usage and saved totals. */
const LINES = [
  {
    type: "user",
    uuid: "00000000-0000-4000-8000-000000000001",
    parentUuid: null,
    promptId: "p1",
    timestamp: AT,
    message: { role: "user", content: SECRET },
  },
  {
    type: "assistant",
    uuid: "00000000-0000-4000-8000-000000000002",
    parentUuid: "00000000-0000-4000-8000-000000000001",
    timestamp: AT,
    message: { role: "assistant", id: "m1", model: "haiku", content: [], usage: { input_tokens: 7 } },
  },
  { type: "cost-state", sessionId: ID, modelUsage: {} },
]
  .map((line) => `${JSON.stringify(line)}\n`)
  .join("");

describe("transcripts in a folder that tools can write to", () => {
  const conversations = new TranscriptConversations(pino({ level: "silent" }), "test.1");
  let dir: string;
  let other: string;
  let spawn: { cwd: string; env: Record<string, string> };
  let path: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "claudeway-transcript-"));
    other = join(dir, "other.jsonl");
    writeFileSync(other, LINES);
    spawn = { cwd: dir, env: { CLAUDE_CONFIG_DIR: join(dir, "claude") } };
    ({ path } = new Transcript(ID, spawn));
    mkdirSync(dirname(path), { recursive: true });
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  /** What the gateway finds by the path. */
  async function found() {
    const page = await conversations.read(
      { session: ID, spawn: { ...plan(), ...spawn } },
      { page: 1, limit: 5 },
    );
    const written = await writtenSince(ID, spawn.env, AT, undefined);
    return { page, saved: new Transcript(ID, spawn).savedTotals(), written };
  }
  const plan = () => ({ command: "claude", args: [], options: {} });

  async function expectNothing() {
    const { page, saved, written } = await found();
    expect(page).to.equal("unreadable");
    expect([saved, written]).to.deep.equal([undefined, undefined]);
  }

  it("are read where they are files of it", async () => {
    writeFileSync(path, LINES);
    const { page, saved } = await found();
    expect(JSON.stringify(page)).to.include(SECRET);
    expect(saved).to.deep.equal({});
  });

  it("are not read through a link", async () => {
    symlinkSync(other, path);
    await expectNothing();
  });

  it("are not read through a link to their folder", async () => {
    rmSync(dirname(path), { recursive: true });
    mkdirSync(join(dir, "elsewhere"));
    renameSync(other, join(dir, "elsewhere", `${ID}.jsonl`));
    symlinkSync(join(dir, "elsewhere"), dirname(path));
    await expectNothing();
  });

  it("do not block the gateway where they are pipes", async () => {
    execFileSync("mkfifo", [path]);
    await expectNothing();
  });

  it("are not read if they are too long", async () => {
    writeFileSync(path, LINES);
    truncateSync(path, MAX_TRANSCRIPT_BYTES + 1);
    await expectNothing();
  });

  it("may be moved elsewhere by a link in the gateway's own folder", () => {
    const before = process.env["CLAUDE_CONFIG_DIR"];
    process.env["CLAUDE_CONFIG_DIR"] = spawn.env["CLAUDE_CONFIG_DIR"];
    try {
      const projects = dirname(dirname(path));
      renameSync(projects, join(dir, "moved"));
      symlinkSync(join(dir, "moved"), projects);
      writeFileSync(path, LINES);
      const file = openTranscriptSync(path, spawn.env);
      expect(file).to.be.a("number");
      closeSync(file ?? -1);
    } finally {
      if (before === undefined) delete process.env["CLAUDE_CONFIG_DIR"];
      else process.env["CLAUDE_CONFIG_DIR"] = before;
    }
  });

  it("are not copied to where a link leads", async () => {
    writeFileSync(path, LINES);
    const cwd = join(dir, "copy");
    const target = new Transcript(ID, { ...spawn, cwd });
    mkdirSync(join(dir, "elsewhere"));
    symlinkSync(join(dir, "elsewhere"), dirname(target.path));
    const fork = await conversations.fork(
      { session: ID, spawn: { ...plan(), ...spawn } },
      { promptId: undefined, cwdOf: () => cwd },
    );
    expect(fork).to.equal("unreadable");
    expect(readdirSync(join(dir, "elsewhere"))).to.deep.equal([]);
  });
});
