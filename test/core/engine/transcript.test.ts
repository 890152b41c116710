import { appendFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { Transcript } from "../../../core/dist/engine/transcript.js";

const ID = "0b0e5b5a-3d0f-4d2a-9d0e-0d5b8f6f0a01";

/** A message as a CLI writes it. */
function message(entrypoint: string): string {
  return `${JSON.stringify({ type: "user", message: { content: 'say "entrypoint":"cli"' }, entrypoint })}\n`;
}

function saved(inputTokens: number): string {
  const usage = {
    inputTokens,
    outputTokens: 2,
    cacheReadInputTokens: 3,
    cacheCreationInputTokens: 4,
    costUSD: 0.5,
  };
  return `${JSON.stringify({ type: "cost-state", sessionId: ID, modelUsage: { sonnet: usage } })}\n`;
}

describe("a session's transcript", () => {
  let dir: string;
  let file: string;
  let transcript: Transcript;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "claudeway-transcript-"));
    mkdirSync(join(dir, "work"));
    const folder = join(dir, "config", "projects", join(dir, "work").replaceAll(/[^a-zA-Z0-9]/g, "-"));
    mkdirSync(folder, { recursive: true });
    file = join(folder, `${ID}.jsonl`);
    transcript = transcriptFrom(join(dir, "work"));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  function transcriptFrom(cwd: string, env: Readonly<Record<string, string>> = {}): Transcript {
    return new Transcript(ID, { cwd, env: { CLAUDE_CONFIG_DIR: join(dir, "config"), ...env } });
  }

  it("tells that another program has written to it, whatever we wrote ourselves", () => {
    writeFileSync(file, message("sdk-ts"));
    const isCurrent = transcript.mark();
    expect(isCurrent()).to.equal(true);
    appendFileSync(file, message("sdk-ts"));
    expect(isCurrent()).to.equal(true);
    appendFileSync(file, message("cli"));
    expect(isCurrent()).to.equal(false);
    expect(transcript.mark()(), "marked anew").to.equal(true);
  });

  it("knows its own lines by another name, where the environment gives one", () => {
    writeFileSync(file, "");
    const isCurrent = transcriptFrom(join(dir, "work"), { CLAUDE_CODE_ENTRYPOINT: "ours" }).mark();
    appendFileSync(file, message("ours"));
    expect(isCurrent()).to.equal(true);
    appendFileSync(file, message("sdk-ts"));
    expect(isCurrent()).to.equal(false);
  });

  it("tells the totals that were saved last, of a folder behind a link too", () => {
    writeFileSync(file, saved(1) + message("cli") + saved(7) + message("cli"));
    symlinkSync(join(dir, "work"), join(dir, "link"));
    const sonnet = { input: 7, output: 2, cacheRead: 3, cacheWrite: 4, costUsd: 0.5 };
    expect(transcript.savedTotals()).to.deep.equal({ sonnet });
    expect(transcriptFrom(join(dir, "link")).savedTotals()).to.deep.equal({ sonnet });
  });

  it("knows nothing where there is none, and of a line that is torn or not as it was", () => {
    expect(transcript.savedTotals()).to.equal(undefined);
    expect(transcript.mark()()).to.equal(true);
    for (const line of [
      '{"type":"cost-state","modelU',
      '{"type":"cost-state"}',
      '{"type":"cost-state","modelUsage":{"a":{}}}',
    ]) {
      writeFileSync(file, `${saved(1)}${line}`);
      expect(transcript.savedTotals(), line).to.equal(undefined);
    }
    rmSync(file);
    mkdirSync(file);
    expect(transcript.savedTotals()).to.equal(undefined);
    expect(transcript.mark()()).to.equal(true);
  });

  it("looks at its last part only", () => {
    writeFileSync(file, saved(1) + message("sdk-ts").repeat(5000));
    expect(transcript.savedTotals()).to.equal(undefined);
  });
});
