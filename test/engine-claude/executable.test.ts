import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { findClaude, OLDEST_VERSION, versionOf } from "#engine-claude/executable.js";

describe("the Claude CLI", () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "claudeway-cli-"));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  function script(name: string, lines: string): string {
    const path = join(dir, name);
    writeFileSync(path, `#!/bin/sh\n${lines}\n`);
    chmodSync(path, 0o755);
    return path;
  }

  const messageOf = (promise: Promise<unknown>) =>
    promise.then(
      () => "none",
      (error: Error) => error.message,
    );

  it("is the one that comes with the Agent SDK, and runs", async () => {
    const claude = findClaude(undefined);
    expect(claude.origin).to.equal("bundled");
    expect(await versionOf(claude, process.env)).to.match(/^\d+\.\d+\.\d+$/);
  });

  it("is the configured one, by its path or by its name on the PATH", () => {
    const path = script("my-claude", "echo 1.2.3");
    const before = process.env["PATH"];
    process.env["PATH"] = `/nowhere:${dir}`;
    try {
      for (const configured of [path, "my-claude"]) {
        expect(findClaude(configured)).to.deep.equal({ path, origin: "configured" });
      }
    } finally {
      process.env["PATH"] = before;
    }
  });

  it("is not a folder, and is executable", () => {
    mkdirSync(join(dir, "folder"));
    writeFileSync(join(dir, "file"), "");
    for (const name of ["folder", "file"]) {
      expect(() => findClaude(join(dir, name), "--claude-bin")).to.throw(
        /^--claude-bin must be .*, got ".*", which this user may not execute$/,
      );
    }
  });

  it("reports its version in any format", async () => {
    const path = script("c", "echo '2.1.330 (Claude Code)'");
    expect(await versionOf({ path, origin: "configured" }, process.env)).to.equal("2.1.330");
  });

  it("is refused if it is older than the oldest supported version", async () => {
    const path = script("c", 'echo "$CLI_VERSION (Claude Code)"');
    const ask = (version: string) =>
      versionOf({ path, origin: "configured" }, { ...process.env, CLI_VERSION: version });
    for (const version of [OLDEST_VERSION, "2.1.1000", "2.10.0", "3.0.0"])
      expect(await ask(version)).to.equal(version);
    for (const version of ["2.1.316", "2.1.99", "2.0.400", "1.0.128"])
      expect(await messageOf(ask(version))).to.equal(
        `claude: ${path} must be version ${OLDEST_VERSION} or newer, got ${version}`,
      );
  });

  it("is supported in the range that the README names", async () => {
    const bundled = await versionOf(findClaude(undefined), process.env);
    const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
    expect(readme).to.include(`Claude CLI ${OLDEST_VERSION} to ${bundled}`);
  });

  it("that fails is reported with its exit code and last line", async () => {
    const path = script("c", "echo first >&2; echo no licence >&2; exit 3");
    expect(await messageOf(versionOf({ path, origin: "configured" }, process.env))).to.equal(
      `claude: ${path} does not run: --version ended with exit code 3: no licence`,
    );
  });

  it("that does not answer is ended, even if its child keeps the pipe open", async () => {
    const path = script("c", "sleep 600; echo 1.2.3");
    expect(await messageOf(versionOf({ path, origin: "configured" }, process.env, 200))).to.equal(
      `claude: ${path} does not run: --version gave no answer within 0.2 s`,
    );
  });
});
