import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { freePort } from "../free-port.js";
import { temporaryFolder } from "../temporary.js";
import { eventually } from "./poll.js";

const COMMAND = fileURLToPath(new URL("../../core/cli/bin/claudeway.js", import.meta.url));

/* What a gateway writes to the one who started it is no condition of its work. */
describe("a gateway that can't write to", () => {
  let child: ChildProcess;
  let url: string;

  afterEach(() => {
    child.kill("SIGKILL");
  });

  async function start(stdio: StdioOptions): Promise<void> {
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    const cwd = temporaryFolder("unwritable-");
    const args = [COMMAND, "--enable-plugin", "demo", "--port", String(port), "--host", "127.0.0.1"];
    const env = { ...process.env, HOME: cwd, WRAPPER_KEYS: undefined };
    child = spawn(process.execPath, args, { cwd, env, stdio });
  }

  const health = () =>
    fetch(`${url}/health`).then(
      ({ ok }) => ok,
      () => false,
    );

  for (const streams of [["stdout"], ["stderr"], ["stdout", "stderr"]])
    it(`${streams.join(" and ")} works, and ends when it is told to`, async () => {
      const full = openSync("/dev/full", "w");
      try {
        await start([
          "ignore",
          ...["stdout", "stderr"].map((name) => (streams.includes(name) ? full : "ignore")),
        ]);
        await eventually("an answer", health);
        const ended = once(child, "exit");
        child.kill("SIGTERM");
        expect(await ended).to.deep.equal([0, null]);
      } finally {
        closeSync(full);
      }
    });
});
