import { closeSync, cpSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "../temporary.js";
import type { StartOptions, TestGateway } from "./gateway.js";

const COMMAND = fileURLToPath(new URL("../../core/cli/bin/claudeway.js", import.meta.url));

/**
 * A command that runs the gateway with its data folder on a file system of 4 MiB, in a mount namespace of its own: what
 * fills it fills nothing else. Signals go on to the gateway.
 */
const WRAPPER = `
import { spawn } from "node:child_process";
const script = 'mkdir -p data && mount -t tmpfs -o size=4m tmpfs data && exec "$@"';
const user = process.getuid() === 0 ? [] : ["--user", "--map-root-user"];
const child = spawn(
  "unshare",
  [...user, "--mount", "sh", "-c", script, "sh", process.execPath, COMMAND, ...process.argv.slice(2)],
  { stdio: "inherit" },
);
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code) => process.exit(code ?? 1));
`;

export function onSmallDisk(options: StartOptions): StartOptions {
  const command = join(temporaryFolder("small-disk-"), "claudeway.mjs");
  writeFileSync(command, WRAPPER.replace("COMMAND", JSON.stringify(COMMAND)));
  return { ...options, command };
}

/** The data folder of a gateway on a small disk, seen from outside of its namespace. */
export class SmallDisk {
  readonly #pid: number;
  readonly #folder: string;

  constructor(private readonly gateway: TestGateway) {
    const children = readFileSync(`/proc/${gateway.pid}/task/${gateway.pid}/children`, "utf8");
    this.#pid = Number(children);
    this.#folder = join("/proc", children.trim(), "root", gateway.dataDir);
  }

  /** Fills the disk completely. */
  fill(): void {
    const file = openSync(join(this.#folder, "filler"), "w");
    const block = Buffer.alloc(4096);
    try {
      for (;;) writeSync(file, block);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
    } finally {
      closeSync(file);
    }
  }

  makeRoom(): void {
    rmSync(join(this.#folder, "filler"));
  }

  /** Kills the gateway; what is on the disk then is where the next one, without such a disk, finds it. */
  async crash(): Promise<void> {
    process.kill(this.#pid, "SIGSTOP");
    cpSync(this.#folder, this.gateway.dataDir, { recursive: true });
    process.kill(this.#pid, "SIGKILL");
    await this.gateway.ended();
  }
}
