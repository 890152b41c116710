import { appendFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { Transcript } from "#engine-claude/transcript.js";

const ID = "0b0e5b5a-3d0f-4d2a-9d0e-0d5b8f6f0a01";

/** A message as a CLI writes it. */
function message(entrypoint: string): string {
  return `${JSON.stringify({ type: "user", message: { content: 'say "entrypoint":"cli"' }, entrypoint })}\n`;
}

function saved(inputTokens: number, sessionId = ID): string {
  const usage = {
    inputTokens,
    outputTokens: 2,
    cacheReadInputTokens: 3,
    cacheCreationInputTokens: 4,
    costUSD: 0.5,
  };
  return `${JSON.stringify({ type: "cost-state", sessionId, modelUsage: { sonnet: usage } })}\n`;
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

  it("detects that another program has written to it", () => {
    writeFileSync(file, message("sdk-ts"));
    const isCurrent = transcript.mark();
    expect(isCurrent()).to.equal(true);
    appendFileSync(file, message("sdk-ts"));
    expect(isCurrent()).to.equal(true);
    appendFileSync(file, message("cli"));
    expect(isCurrent()).to.equal(false);
    expect(transcript.mark()(), "marked anew").to.equal(true);
  });

  it("recognises its own lines by the name in the environment", () => {
    writeFileSync(file, "");
    const isCurrent = transcriptFrom(join(dir, "work"), { CLAUDE_CODE_ENTRYPOINT: "ours" }).mark();
    appendFileSync(file, message("ours"));
    expect(isCurrent()).to.equal(true);
    appendFileSync(file, message("sdk-ts"));
    expect(isCurrent()).to.equal(false);
  });

  it("finds the last saved totals, also in a folder behind a link", () => {
    writeFileSync(file, saved(1) + message("cli") + saved(7) + message("cli"));
    symlinkSync(join(dir, "work"), join(dir, "link"));
    const sonnet = { input: 7, output: 2, cacheRead: 3, cacheWrite: 4, costUsd: 0.5 };
    expect(transcript.savedTotals()).to.deep.equal({ sonnet });
    expect(transcriptFrom(join(dir, "link")).savedTotals()).to.deep.equal({ sonnet });
  });

  it("uses the last complete, unmodified line of this session", () => {
    const sonnet = { input: 1, output: 2, cacheRead: 3, cacheWrite: 4, costUsd: 0.5 };
    for (const line of [
      '{"type":"cost-state","modelU',
      '{"type":"cost-state"}',
      `{"type":"cost-state","sessionId":"${ID}","modelUsage":{"a":{}}}`,
      saved(9, "0b0e5b5a-3d0f-4d2a-9d0e-0d5b8f6f0a02"),
      // No CLI has written these.
      ...[-1, 1.5, 1e300].map((tokens) => saved(tokens)),
    ]) {
      writeFileSync(file, `${saved(1)}${line}`);
      expect(transcript.savedTotals(), line).to.deep.equal({ sonnet });
    }
  });

  it("distinguishes nothing saved from an unreadable file", () => {
    writeFileSync(file, message("sdk-ts"));
    expect(transcript.savedTotals()).to.deep.equal({});
    rmSync(file);
    expect(transcript.savedTotals()).to.equal(undefined);
    expect(transcript.mark()()).to.equal(true);
    mkdirSync(file);
    expect(transcript.savedTotals()).to.equal(undefined);
    expect(transcript.mark()()).to.equal(true);
  });

  it("finds the totals however far they are from the end, and across the pieces that it reads", () => {
    const sonnet = { input: 1, output: 2, cacheRead: 3, cacheWrite: 4, costUsd: 0.5 };
    const piece = 256 * 1024;
    for (const behind of [piece - 50, piece, 2 * piece - 90, 3 * piece + 7]) {
      writeFileSync(
        file,
        `${message("sdk-ts")}${saved(1)}${"é".repeat(behind / 2 - 1)}${behind % 2 ? "x" : ""}\n`,
      );
      expect(transcript.savedTotals(), String(behind)).to.deep.equal({ sonnet });
    }
  });
});
