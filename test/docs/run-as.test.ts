import { execFile } from "node:child_process";
import { lstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "chai";
import { temporaryFolder } from "../temporary.js";

const DROP_IN = new URL("../../deploy/run-as.conf", import.meta.url);
const run = promisify(execFile);

/** A user and its group that every machine has, in place of `claude`. */
const USER = "nobody";

describe("the drop-in for run_as", () => {
  it("gives the CLI's user its files, and nothing that they link to", async function () {
    if (process.getuid?.() !== 0) this.skip();
    const state = temporaryFolder("claudeway-run-as-");
    const [uid, group] = await Promise.all(["-u", "-gn"].map(idOf));
    // As systemd leaves them: with another User= than before, it gives the whole StateDirectory to that one.
    const secret = join(state, "claudeway.toml");
    writeFileSync(secret, "secret", { mode: 0o600 });
    mkdirSync(join(state, "data"));
    const own = [".credentials.json", "projects", "projects/-work", "projects/-work/a.jsonl"];
    const claude = (name: string) => join(state, "claude", name);
    mkdirSync(claude("projects/-work"), { recursive: true });
    for (const file of [".credentials.json", "projects/-work/a.jsonl"]) writeFileSync(claude(file), "{}");
    symlinkSync(secret, claude("projects/to-a-file"));
    symlinkSync(join(state, "data"), claude("projects/to-a-folder"));

    for (const { 1: command = "" } of readFileSync(DROP_IN, "utf8").matchAll(/^ExecStartPre=(.+)$/gm)) {
      const [program = "", ...args] = command
        .replaceAll("/var/lib/claudeway", state)
        .replaceAll(/(?<= )claude(?=:? )/g, USER)
        .replaceAll(`-g ${USER}`, `-g ${group}`)
        .split(" ");
      await run(program, args);
    }
    for (const name of own) expect(lstatSync(claude(name)).uid, name).to.equal(Number(uid));
    expect(lstatSync(join(state, "home")).uid).to.equal(Number(uid));
    for (const path of [secret, join(state, "data"), state]) expect(lstatSync(path).uid, path).to.equal(0);
  });
});

async function idOf(which: string): Promise<string> {
  return (await run("id", [which, USER])).stdout.trim();
}
