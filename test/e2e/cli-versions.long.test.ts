import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect } from "chai";
import { findClaude, OLDEST_VERSION, versionOf } from "#engine-claude/executable.js";

const run = promisify(execFile);
const PROJECT = fileURLToPath(new URL("../..", import.meta.url));
const PLATFORM = `@anthropic-ai/claude-code-${process.platform}-${process.arch}`;
/** Tasks, sessions and their money, resuming, interrupts, live processes, denied calls, parked approvals, failures. */
const CORE_OF_TURNS = ["tasks", "sessions", "live", "approve", "approvals-parked", "failures"].map(
  (name) => `test/e2e/${name}.test.ts`,
);

describe("the core of turns", function () {
  this.timeout(40 * 60_000);
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "claudeway-cli-"));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  /** Installs a published CLI in a folder of its own; returns its path. */
  async function install(version: string): Promise<string> {
    const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--no-save"];
    await run("npm", ["install", "--prefix", dir, ...flags, `${PLATFORM}@${version}`]);
    return join(dir, "node_modules", PLATFORM, "claude");
  }

  for (const [which, tag] of [
    ["oldest supported", OLDEST_VERSION],
    ["newest published", "latest"],
  ] as const) {
    it(`works with the ${which} CLI`, async () => {
      const path = await install(tag);
      const version = await versionOf(findClaude(path), process.env);
      if (tag === OLDEST_VERSION) expect(version).to.equal(tag);
      // The same tests as with the CLI of the SDK: gateways under test inherit the variable.
      await run(
        process.execPath,
        [join(PROJECT, "node_modules/mocha/bin/mocha.js"), "--exit", ...CORE_OF_TURNS],
        {
          cwd: PROJECT,
          env: { ...process.env, CLAUDE_BIN: path },
          maxBuffer: 2 ** 24,
        },
      ).catch((error: unknown) => {
        const output = error instanceof Error ? String(Reflect.get(error, "stdout")) : String(error);
        throw new Error(`CLI ${version}: ${output.slice(output.indexOf(" passing"))}`);
      });
    });
  }
});
