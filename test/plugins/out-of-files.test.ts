import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect } from "chai";

/** Starts with few free file descriptors, and uses them up. */
const FILL = `
import { closeSync, openSync } from "node:fs";
const files = [];
const fill = () => {
  for (;;) try { files.push(openSync("/dev/null", "r")); } catch { return; }
};
const free = () => { for (const file of files.splice(0)) closeSync(file); };
`;

/** What a script prints that runs as a process of its own, which may have 64 open files. */
async function printed(script: string): Promise<unknown> {
  const shell = `ulimit -n 64; exec "$0" --input-type=module -e "$1"`;
  const { stdout } = await promisify(execFile)("sh", ["-c", shell, process.execPath, FILL + script]);
  return JSON.parse(stdout);
}

describe("a plugin that starts a program where no file can be opened", () => {
  it("repos: says that git could not be started, and starts it later", async () => {
    const script = `
import { gitWith } from "#plugins/repos/git.js";
const git = gitWith({ home: "/tmp", mark: {} });
const run = () => git({ args: ["version"], signal: new AbortController().signal }).catch(String);
fill();
const first = await run();
free();
console.log(JSON.stringify([first, (await run()).slice(0, 11)]));
`;
    expect(await printed(script)).to.deep.equal([
      "GitError: git could not be started: Error: spawn git EMFILE",
      "git version",
    ]);
  });

  it("cloudflare_tunnel: ends the run with the reason, and the next program dies with the gateway", async () => {
    const script = `
import { Cloudflared } from "#plugins/cloudflare_tunnel/cloudflared.js";
const command = { program: "setpriv", args: ["--dump"], env: process.env };
const lines = [];
const start = () => new Cloudflared(command, (line) => lines.push(line));
fill();
const run = start();
const first = await run.exited;
await run.end();
free();
console.log(JSON.stringify([first, await start().exited, lines.filter((line) => /death/.test(line))]));
`;
    expect(await printed(script)).to.deep.equal([
      { code: null, signal: null, startError: "EMFILE" },
      { code: 0, signal: null },
      ["Parent death signal: KILL"],
    ]);
  });
});
