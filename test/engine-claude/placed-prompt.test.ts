import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { mock } from "node:test";
import type { EngineTurn } from "@claudeway/ports";
import { expect } from "chai";
import { pino } from "pino";
import { placePrompt } from "#engine-claude/placed-prompt.js";
import { Transcript } from "#engine-claude/transcript.js";
import { endOf } from "#engine-claude/transcript-end.js";

const log = pino({ level: "silent" });
const SESSION = "0b0e5b5a-3d0f-4d2a-9d0e-0d5b8f6f0a01";
const MIB = 1024 * 1024;

let count = 0;

function line(type: "user" | "assistant", content: unknown, message: object = {}): string {
  count++;
  const uuid = `uuid-${count}`;
  const parentUuid = count === 1 ? null : `uuid-${count - 1}`;
  const timestamp = new Date(count * 1000).toISOString();
  return JSON.stringify({ parentUuid, type, message: { ...message, content }, uuid, timestamp });
}

const said = (text: string) => line("user", text);
const callAll = (ids: readonly string[]) =>
  line(
    "assistant",
    ids.map((id) => ({ type: "tool_use", id, name: "weather", input: {} })),
    { id: "msg" },
  );
const resultAll = (ids: readonly string[]) =>
  line(
    "user",
    ids.map((id) => ({ type: "tool_result", tool_use_id: id, content: "sun" })),
  );
const call = (id: string) => callAll([id]);
const result = (id: string) => resultAll([id]);
const many = (length: number) => Array.from({ length }, (_, index) => `toolu_${index}`);

describe("the prompt with results that is put at the end of a transcript", () => {
  let dir: string;
  let path: string;
  let turn: EngineTurn;
  beforeEach(() => {
    count = 0;
    dir = mkdtempSync(join(tmpdir(), "claudeway-placed-"));
    const env = { CLAUDE_CONFIG_DIR: join(dir, "claude") };
    const spawn = { command: "claude", args: [], env, cwd: dir, options: {} };
    ({ path } = new Transcript(SESSION, spawn));
    mkdirSync(dirname(path), { recursive: true });
    turn = {
      approvalMode: "deny",
      decider: undefined,
      parkedCall: undefined,
      unresolved: [],
      granted: [],
      resume: true,
      restart: false,
      totals: undefined,
      info: { id: "turn", sessionId: SESSION, kind: "session", keyId: "admin", createdAt: "" },
      plan: {
        prompt: "",
        content: [{ type: "tool_result", tool_use_id: "toolu_0", content: "rain" }],
        verbatim: false,
        model: "sonnet",
        systemPrompt: undefined,
        maxBudgetUsd: undefined,
        timeoutMs: 60_000,
        workdir: dir,
      },
      spawn,
    };
  });
  afterEach(() => {
    mock.restoreAll();
    rmSync(dir, { recursive: true, force: true });
  });

  const write = (lines: readonly string[]) => writeFileSync(path, `${lines.join("\n")}\n`);
  const written = () => readFileSync(path, "utf8").trimEnd().split("\n");
  const last = (): unknown => JSON.parse(written().at(-1) ?? "");

  async function withFile<T>(use: (file: FileHandle) => Promise<T>): Promise<T> {
    const file = await open(path);
    try {
      return await use(file);
    } finally {
      await file.close();
    }
  }
  const end = (placesAgain = false) => withFile((file) => endOf(file, placesAgain));

  it("follows the last entry, and is neither a command nor a mention of files for the CLI", async () => {
    write([said("one"), call("toolu_0")]);
    expect(await placePrompt(turn, log)).to.include({ placed: true });
    expect(last()).to.include({
      parentUuid: "uuid-2",
      uuid: "turn",
      queueSkipAttachments: true,
      queueSkipSlashCommands: true,
    });
  });

  it("has a line of its own after one that is torn", async () => {
    write([said("one"), call("toolu_0")]);
    writeFileSync(path, '{"parentUuid":"uuid-2","type":"user","mess', { flag: "a" });
    expect(await placePrompt(turn, log)).to.include({ placed: true });
    expect(written()).to.have.length(4);
    expect(last()).to.include({ parentUuid: "uuid-2", uuid: "turn" });
  });

  it("takes the place of earlier ones that no model answered", async () => {
    write([said("one"), call("toolu_0")]);
    for (const id of ["first", "second", "third"]) {
      expect(await placePrompt({ ...turn, info: { ...turn.info, id } }, log)).to.include({ placed: true });
      expect(last()).to.include({ parentUuid: "uuid-2", uuid: id });
    }
    const { content: _results, ...plan } = turn.plan;
    const other = { ...turn, plan, totals: { bases: [], calls: ["toolu_0"] } };
    expect(await placePrompt(other, log), "a prompt without results keeps them").to.include({
      placed: false,
    });
  });

  it("is refused after results that were answered, or that other prompts followed", async () => {
    for (const next of [
      () => line("assistant", [{ type: "text", text: "sun" }], { id: "msg_2" }),
      () => said("two"),
    ]) {
      write([said("one"), call("toolu_0")]);
      await placePrompt(turn, log);
      writeFileSync(path, `${next()}\n`, { flag: "a" });
      const outcome = await placePrompt(turn, log).catch((error: unknown) => error);
      expect(outcome).to.include({ code: "CONFLICT" });
    }
  });

  it("has results as text whose calls the CLI has gone on without, also where that was not noted", async () => {
    write([said("one"), call("toolu_0"), said("a job has ended"), line("assistant", [], { id: "msg_2" })]);
    const asked = { ...turn, totals: { bases: [], calls: ["toolu_0"] } };
    const placed = await placePrompt(asked, log).catch(String);
    expect(placed)
      .to.include({ placed: false })
      .and.to.have.nested.property("turn.plan.content")
      .that.deep.equals([{ type: "text", text: "The call toolu_0 has a result after all: rain" }]);
    expect(written()).to.have.length(4);
  });

  it("answers the calls of all parts of the last message, and of no earlier one", async () => {
    const earlier = line("assistant", [{ type: "tool_use", id: "early" }], { id: "msg_1" });
    write([
      said("one"),
      earlier,
      said("two"),
      callAll(["a", "b"]),
      result("a"),
      call("c"),
      call("d"),
      result("d"),
    ]);
    expect(await end()).to.deep.equal({ last: "uuid-8", waiting: ["b", "c"] });
  });

  it("finds its place after long lines, and across the pieces that are read at once", async () => {
    const long = (length: number) => said("x".repeat(length));
    write([long(20 * MIB), call("a"), result("b"), long(256 * 1024), call("c"), ""]);
    expect(await end()).to.deep.equal({ last: "uuid-5", waiting: ["a", "c"] });
  });

  it("does not take a text for results", async () => {
    write([said("one"), call("a"), said(result("a")), line("user", [{ type: "text", text: result("a") }])]);
    expect((await end())?.waiting).to.deep.equal(["a"]);
  });

  it("reads a part of a hostile transcript only, and parses few of its values", async () => {
    const calls = () => many(100_000).map((id) => call(id));
    const results = () => many(100_000).map((id) => result(id));
    const hostile: Readonly<Record<string, () => readonly string[]>> = {
      "calls and results in a line each": () => [...calls(), ...results()],
      "calls in a line each": calls,
      "all calls in one line": () => [callAll(many(100_000))],
      "all results in one line": () => [call("a"), resultAll(many(1_000_000))],
      "values in one line": () => [
        `{"type":"assistant","parentUuid":"a","message":{"content":[${"{},".repeat(MIB)}{}]}}`,
      ],
      "values in many lines": () =>
        Array.from(
          { length: 100 },
          () => `{"parentUuid":"a","isSidechain":true,"a":[${"{},".repeat(10_000)}{}]}`,
        ),
      "empty lines": () => ["\n".repeat(MIB)],
      "one line without an end": () => [call("a"), "x".repeat(80 * MIB)],
    };
    const parse = mock.method(JSON, "parse");
    for (const [what, lines] of Object.entries(hostile)) {
      write([said("one")].concat(lines()));
      parse.mock.resetCalls();
      const read = await withFile(async (file) => {
        const reads = mock.method(file, "read");
        expect(await endOf(file, true), what).to.equal(undefined);
        return reads.mock.callCount();
      });
      expect(read, what).to.be.at.most(64 * 4 + 1);
      expect(parse.mock.callCount(), what).to.be.at.most(2000);
      const parsed = parse.mock.calls.map(({ arguments: [text] }) => String(text).split(/[,[{]/).length);
      expect(
        parsed.reduce((sum, values) => sum + values, 0),
        what,
      ).to.be.at.most(500_000);
      expect(await placePrompt(turn, log), what).to.equal("missing");
    }
  });
});
