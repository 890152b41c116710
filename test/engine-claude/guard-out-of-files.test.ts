import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect } from "chai";

/** Kills a guard while no file can be opened, and lets files be opened again once its restart has failed. */
const SCRIPT = `
import { closeSync, openSync } from "node:fs";
import { OrphanGuard } from "#engine-claude/orphan-guard.js";
const files = [];
const fill = () => {
  for (;;) try { files.push(openSync("/dev/null", "r")); } catch { return; }
};
const pause = () => new Promise((resolve) => setTimeout(resolve, 10));
const warnings = [];
const guard = new OrphanGuard("out-of-files", { warn: ({ err }) => warnings.push(err.message) });
const { pid } = guard;
process.kill(pid, "SIGKILL");
while (warnings.length < 2) {
  fill();
  await pause();
}
for (const file of files) closeSync(file);
while (guard.pid === undefined) await pause();
console.log(JSON.stringify([...warnings.slice(0, 2), guard.pid !== pid]));
await guard.close();
`;

describe("the guard of child processes", () => {
  it("is started again later where no file can be opened", async () => {
    const shell = `ulimit -n 64; exec "$0" --input-type=module -e "$1"`;
    const { stdout } = await promisify(execFile)("sh", ["-c", shell, process.execPath, SCRIPT]);
    expect(JSON.parse(stdout)).to.deep.equal(["it ended with SIGKILL", "spawn /bin/sh EMFILE", true]);
  });
});
