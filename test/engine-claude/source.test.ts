import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "@claudeway/config";
import { expect } from "chai";
import { pino } from "pino";
import { NO_USAGE } from "#core/turns/usage.js";
import { claudeSource } from "#engine-claude/source.js";
import { reportedUsage } from "#engine-claude/usage.js";
import { writtenSince } from "#engine-claude/written-usage.js";

const log = pino({ level: "silent" });
const SESSION = "0b0e5b5a-3d0f-4d2a-9d0e-0d5b8f6f0a01";
const SINCE = new Date("2030-01-01T00:00:00.000Z");

describe("what a CLI wrote down", () => {
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

  it("knows the price where the CLI saved its totals after the messages", async () => {
    write(`${SESSION}.jsonl`, [message("1", 10), saved(10, 0.5)]);
    const written = await read();
    expect(written?.used["sonnet"]).to.include({ input: 10, costUsd: 0.5 });
    expect(written?.totals?.bases[0]).to.deep.equal(written?.used);
    write(`${SESSION}.jsonl`, [saved(10, 0.5), message("1", 10)]);
    expect((await read())?.totals, "saved before them").to.equal(undefined);
  });

  it("is nothing where no message is found", async () => {
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
    return { path, source: await claudeSource(loaded, { PATH: "/usr/bin:/bin" }, log) };
  }

  it("names the CLI and opens an engine on it that runs nothing yet", async () => {
    const { path, source } = await sourceOf("2.1.999");
    expect(source.claude).to.deep.equal({ path, origin: "configured", version: "2.1.999" });
    const engine = source.open("unit-source");
    expect(engine.processes).to.equal(0);
    expect(engine.background("none")).to.deep.equal([]);
    await engine.close();
  });

  it("takes the more of what was heard and what was written of a lost turn", async () => {
    const { source } = await sourceOf("2.1.999");
    const row = (input: number, output: number, costUsd: number | null) => ({
      sonnet: { input, output, cacheRead: 0, cacheWrite: 0, costUsd },
    });
    const heard = reportedUsage(row(10, 1, null));
    const { tokens, costUsd } = source.usageAfterLoss(heard, { used: row(8, 4, null) });
    expect([tokens.input, tokens.output, costUsd]).to.deep.equal([10, 4, null]);
    const totals = { bases: [] };
    expect(source.usageAfterLoss(heard, { used: row(12, 4, 0.5), totals }).costUsd).to.equal(0.5);
    expect(source.totalsAfterLoss(undefined, NO_USAGE)).to.deep.equal({ bases: [{}] });
  });

  it("guards processes until it is closed", async () => {
    const { source } = await sourceOf("2.1.999");
    const guard = source.guard?.("unit-guard-of-nothing");
    guard?.began({ pid: 999_999_999, startTime: 1 });
    guard?.ended({ pid: 999_999_999 });
    await guard?.close();
    await source.endLeftovers("unit-left-by-nobody");
  });
});
