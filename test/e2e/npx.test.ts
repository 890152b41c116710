import { type ChildProcess, spawn } from "node:child_process";
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { temporaryFolder } from "../temporary.js";
import { eventually } from "./poll.js";

const MODULES = fileURLToPath(new URL("../../node_modules", import.meta.url));

const FLAGS = ["--enable-plugin", "demo", "--force", "--port", "0", "--host", "127.0.0.1"];

describe("npx claudeway", () => {
  it("ends when npx gets a SIGTERM, which npx does not pass on", () =>
    endsWith("npx", ["--no-install", "claudeway", ...FLAGS]));

  it("ends when npm run gets a SIGTERM, and its shell ends without it", () =>
    // A shell that has more to do stays between npm and the gateway.
    endsWith("npm", ["run", "gateway"], { gateway: `claudeway ${FLAGS.join(" ")}; true` }));

  /** Starts a gateway by a program, and sends that a SIGTERM. */
  async function endsWith(
    program: string,
    args: readonly string[],
    scripts: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const dir = temporaryFolder("claudeway-npx-");
    symlinkSync(MODULES, join(dir, "node_modules"));
    writeFileSync(join(dir, "package.json"), JSON.stringify({ name: "x", private: true, scripts }));
    const { WRAPPER_KEYS, ...env } = process.env;
    const npx = spawn(program, args, {
      cwd: dir,
      env: { ...env, CLAUDE_WORKDIR: join(dir, "work") },
      stdio: ["ignore", "pipe", "pipe"],
      // A group of its own, so that a gateway that runs on can be ended.
      detached: true,
    });
    const output = collect(npx);
    // The gateway has the same pipes: they are closed when it has ended too.
    let isClosed = false;
    npx.once("close", () => {
      isClosed = true;
    });
    try {
      const url = await eventually("its banner", () => /listening on .*\((http:\S+)\)/.exec(output())?.[1]);
      npx.kill("SIGTERM");
      await eventually("its end", async () => isClosed && !(await answers(`${url}/health`)));
      expect(output()).to.include("SIGTERM: closing; running turns may finish");
    } finally {
      killGroup(npx);
    }
  }
});

function collect({ stdout, stderr }: ChildProcess): () => string {
  let text = "";
  for (const stream of [stdout, stderr]) stream?.setEncoding("utf8").on("data", (part) => (text += part));
  return () => text;
}

function killGroup({ pid = Number.NaN }: ChildProcess): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // All of it has ended.
  }
}

function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );
}
