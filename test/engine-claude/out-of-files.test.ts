import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect } from "chai";

/** Starts a CLI while no file can be opened. */
const SCRIPT = `
import { closeSync, openSync } from "node:fs";
import { AdoptedProcesses } from "#engine-claude/adopted.js";
import { ClaudeProcess } from "#engine-claude/process.js";
import { loadSdk } from "#engine-claude/sdk.js";
await loadSdk();
const plan = { command: "/bin/true", args: [], cwd: "/", env: {} };
const start = () => new ClaudeProcess(plan, {}, "/bin/true", "out-of-files", new AdoptedProcesses());
await start().exited;
const files = [];
for (;;) try { files.push(openSync("/dev/null", "r")); } catch { break; }
try {
  start();
} catch ({ code, message, options }) {
  for (const file of files) closeSync(file);
  console.log(JSON.stringify([code, message, options.headers]));
}
console.log(JSON.stringify(await start().exited));
`;

describe("a CLI that is started where no file can be opened", () => {
  it("is refused for a while", async () => {
    const shell = `ulimit -n 64; exec "$0" --input-type=module -e "$1"`;
    const { stdout } = await promisify(execFile)("sh", ["-c", shell, process.execPath, SCRIPT]);
    const [refusal = "", exit = ""] = stdout.split("\n");
    expect(JSON.parse(refusal)).to.deep.equal([
      "UNAVAILABLE",
      "the CLI could not be started: too many files are open; try again",
      { "retry-after": "5" },
    ]);
    expect(JSON.parse(exit)).to.deep.equal({ code: 0, signal: null });
  });
});
