import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "@claudeway/config";
import { expect } from "chai";
import { pino } from "pino";
import { NO_USAGE } from "#core/turns/usage.js";
import { DeliveredUsage } from "#engine-claude/delivered-usage.js";
import { removeCopies } from "#engine-claude/fork-transcript.js";
import { claudeSource } from "#engine-claude/source.js";
import { Transcript } from "#engine-claude/transcript.js";
import { reportedUsage } from "#engine-claude/usage.js";
import { noteWrittenOfTurn, writtenSince } from "#engine-claude/written-usage.js";
import { withoutRights } from "../ledger/fixture.js";

const SESSION = "0b0e5b5a-3d0f-4d2a-9d0e-0d5b8f6f0a01";
const SINCE = new Date("2030-01-01T00:00:00.000Z");

describe("the usage that a CLI wrote", () => {
  let dir: string;
  let project: string;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "claudeway-written-"));
    project = join(dir, "projects", "-srv");
    mkdirSync(join(project, SESSION, "subagents"), { recursive: true });
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  function message(id: string, input: number, timestamp = "2030-01-01T00:00:01.000Z", model = "sonnet") {
    const usage = { input_tokens: input, output_tokens: 2 };
    return JSON.stringify({ type: "assistant", timestamp, message: { id, model, usage } });
  }

  function saved(input: number, costUSD: number) {
    const totals = {
      inputTokens: input,
      outputTokens: 2,
      cacheReadInputTokens: 0,
      cacheCreationInputTokens: 0,
    };
    return JSON.stringify({
      type: "cost-state",
      sessionId: SESSION,
      modelUsage: { sonnet: { ...totals, costUSD } },
    });
  }

  const write = (name: string, lines: string[]) =>
    writeFileSync(join(project, name), `${lines.join("\n")}\n`);
  const read = () => writtenSince(SESSION, { CLAUDE_CONFIG_DIR: dir }, SINCE, undefined);

  it("counts each message since then once, subagents' too", async () => {
    write(`${SESSION}.jsonl`, [
      message("early", 100, "2029-12-31T23:59:59.000Z"),
      message("1", 10),
      message("1", 10),
      message("error", 7, undefined, "<synthetic>"),
      '{"type":"assistant","torn',
    ]);
    write(`${SESSION}/subagents/agent.jsonl`, [message("2", 5)]);
    const written = await read();
    expect(written?.used["sonnet"]).to.include({ input: 15, output: 4, costUsd: null });
    expect(written?.totals).to.equal(undefined);
  });

  it("has the price if the CLI saved its totals after the messages", async () => {
    write(`${SESSION}.jsonl`, [message("1", 10), saved(10, 0.5)]);
    const written = await read();
    expect(written?.used["sonnet"]).to.include({ input: 10, costUsd: 0.5 });
    expect(written?.totals?.bases[0]).to.deep.equal(written?.used);
    write(`${SESSION}.jsonl`, [saved(10, 0.5), message("1", 10)]);
    expect((await read())?.totals, "saved before them").to.equal(undefined);
  });

  it("omits messages of another program, such as a terminal", async () => {
    const of = (entrypoint: string, id: string) =>
      JSON.stringify({ ...JSON.parse(message(id, 10)), entrypoint });
    write(`${SESSION}.jsonl`, [of("sdk-ts", "1"), of("cli", "2")]);
    expect((await read())?.used["sonnet"]?.input).to.equal(10);
  });

  it("adds messages received but not written, and usage that no turn was charged for", async () => {
    const used = { input: 7, output: 1, cacheRead: 0, cacheWrite: 0, costUsd: null };
    const unreported = ["heard", "written"].map((id) => ({ id, model: "sonnet", used }));
    write(`${SESSION}/subagents/agent.jsonl`, [message("written", 7, "2029-12-31T23:59:59.000Z")]);
    const before = { bases: [], unreported, carried: { sonnet: { ...used, costUsd: 0.5 } } };
    const written = await writtenSince(SESSION, { CLAUDE_CONFIG_DIR: dir }, SINCE, before);
    expect(written?.used["sonnet"]).to.include({ input: 14, output: 3 });
    expect(written?.carried).to.deep.equal(before.carried);
  });

  it("completes a turn whose process ended, by its time, and the subagents' messages that it heard", async () => {
    const transcript = new Transcript(SESSION, { cwd: "/srv", env: { CLAUDE_CONFIG_DIR: dir } });
    write(`${SESSION}.jsonl`, [message("before", 100, "2029-12-31T23:59:59.000Z"), message("unheard", 10)]);
    write(`${SESSION}/subagents/agent.jsonl`, [message("heard", 5), message("another turn's", 50)]);
    const delivered = new DeliveredUsage();
    delivered.note("heard", "sonnet", { input_tokens: 5, output_tokens: 1 }, "whole");
    await noteWrittenOfTurn(transcript, delivered, SINCE);
    expect(delivered.totals()["sonnet"]).to.include({ input: 15, output: 4 });
  });

  it("is empty without messages", async () => {
    expect(await read()).to.equal(undefined);
    rmSync(dir, { recursive: true });
    expect(await read()).to.equal(undefined);
  });
});

describe("the source of engines", () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "claudeway-source-"));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  async function sourceOf(version: string) {
    const path = join(dir, "claude");
    writeFileSync(path, `#!/bin/sh\necho '${version} (Claude Code)'\n`);
    chmodSync(path, 0o755);
    const loaded = loadConfig({ argv: ["--claude-bin", path], env: {}, cwd: dir });
    if (!("config" in loaded)) throw new Error("no configuration");
    const lines: string[] = [];
    const log = pino({ level: "warn" }, { write: (line: string) => void lines.push(line) });
    return { path, lines, log, source: await claudeSource(loaded, { PATH: "/usr/bin:/bin" }, log) };
  }

  it("names the CLI and opens an engine on it that runs nothing yet", async () => {
    const { path, source } = await sourceOf("2.1.999");
    expect(source.claude).to.deep.equal({ path, origin: "configured", version: "2.1.999" });
    const engine = source.open("unit-source");
    expect(engine.processes).to.equal(0);
    expect(engine.background("none")).to.deep.equal([]);
    await engine.close();
  });

  it("uses the larger of received and written usage of a lost turn", async () => {
    const { source } = await sourceOf("2.1.999");
    const row = (input: number, output: number, costUsd: number | null) => ({
      sonnet: { input, output, cacheRead: 0, cacheWrite: 0, costUsd },
    });
    const heard = reportedUsage(row(10, 1, null));
    const carried = {};
    const { tokens, costUsd } = source.usageAfterLoss(heard, { used: row(8, 4, null), carried });
    expect([tokens.input, tokens.output, costUsd]).to.deep.equal([10, 4, null]);
    const totals = { bases: [] };
    const saved = source.usageAfterLoss(heard, { used: row(12, 4, 0.5), carried, totals });
    expect(saved).to.include({ costUsd: 0.5, estimated: false });
    expect(source.totalsAfterLoss(undefined, NO_USAGE)).to.deep.equal({ bases: [{}] });
  });

  it("adds what subagents had used before the lost turn, which no turn was charged for", async () => {
    const { source } = await sourceOf("2.1.999");
    const row = (input: number, costUsd: number | null) => ({
      sonnet: { input, output: 1, cacheRead: 0, cacheWrite: 0, costUsd },
    });
    const carried = row(100, 0.25);
    const heard = reportedUsage(row(10, null));
    expect(source.usageAfterLoss(heard, { used: row(8, null), carried }).tokens.input).to.equal(110);
    const saved = source.usageAfterLoss(heard, { used: row(12, 0.5), carried, totals: { bases: [] } });
    expect(saved).to.include({ costUsd: 0.75, estimated: true });
    const before = { bases: [row(1, 1)], unreported: [], carried, planMode: true };
    const after = source.totalsAfterLoss(before, NO_USAGE);
    expect(after, "charged once").to.deep.equal({ bases: [row(1, 1)], planMode: true });
  });

  it("guards processes until it is closed", async () => {
    const { source } = await sourceOf("2.1.999");
    const guard = source.guard?.("unit-guard-of-nothing");
    guard?.began({ pid: 999_999_999, startTime: 1 });
    guard?.ended({ pid: 999_999_999 });
    await guard?.close();
    await source.endLeftovers("unit-left-by-nobody");
  });

  it("starts where copies that killed gateways left can't be removed, and logs that", async () => {
    const folder = mkdtempSync(join(dir, "copies-"));
    const { source, lines, log } = await sourceOf("2.1.999");
    const left = join(folder, "claudeway-fork-unit-left.1-x");
    const other = join(folder, "claudeway-fork-other.1-x");
    for (const copy of [left, other]) mkdirSync(join(copy, "projects"), { recursive: true });
    chmodSync(dir, 0o755);
    chmodSync(folder, 0o555);
    await withoutRights(() => removeCopies("unit-left", log, folder));
    chmodSync(folder, 0o755);
    expect([left, other].map(existsSync)).to.deep.equal([true, true]);
    expect(lines.join("")).to.contain("EACCES").and.contain("copies of conversations could not be removed");
    await removeCopies("unit-left", log, folder);
    expect([left, other].map(existsSync)).to.deep.equal([false, true]);
    const before = process.env["TMPDIR"];
    try {
      process.env["TMPDIR"] = join(folder, "missing");
      await source.endLeftovers("unit-left");
    } finally {
      if (before === undefined) delete process.env["TMPDIR"];
      else process.env["TMPDIR"] = before;
    }
    expect(lines).to.have.length(2);
    expect(lines[1]).to.contain("ENOENT");
  });
});
