import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import type { Command } from "./command.js";
import { Lines } from "./lines.js";

/** How cloudflared exited. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why it could not be started: `ENOENT`, `EACCES`. */
  readonly startError?: string;
}

/** Time until KILL after TERM, in ms. Its own grace period is set to two seconds. */
const TERM_GRACE_MS = 3000;

const LAST_WORDS_MS = 300;

/** One run of cloudflared, in its own process group. */
export class Cloudflared {
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  #ending: Promise<void> | undefined;

  constructor({ program, args, env }: Command, line: (text: string) => void) {
    const [first = program, ...rest] = [...endedWithUs(), program, ...args];
    const child = spawn(first, rest, { env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    this.exited = new Promise((resolve) => {
      child.once("error", (error) => resolve({ code: null, signal: null, startError: codeOf(error) }));
      child.once("exit", (code, signal) => {
        // Its last output may still be in the pipe, and a child of it may keep the pipe open.
        const late = setTimeout(() => resolve({ code, signal }), LAST_WORDS_MS);
        child.once("close", () => {
          clearTimeout(late);
          resolve({ code, signal });
        });
      });
    });
    for (const stream of [child.stdout, child.stderr]) {
      const lines = new Lines(line);
      // Where no file can be opened, the child has no streams.
      stream?.setEncoding("utf8").on("data", (text: string) => lines.push(text));
    }
  }

  /** Ends it and its children: TERM, a grace period, KILL. */
  end(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  async #end(): Promise<void> {
    this.#signal("SIGTERM");
    const late = setTimeout(() => this.#signal("SIGKILL"), TERM_GRACE_MS);
    await this.exited;
    clearTimeout(late);
    // End the rest of its process group.
    this.#signal("SIGKILL");
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
  }

  #signal(signal: NodeJS.Signals): void {
    try {
      if (this.#child.pid !== undefined) process.kill(-this.#child.pid, signal);
    } catch {
      // The group is empty already.
    }
  }
}

let prefix: readonly string[] = [];

/**
 * A command prefix that makes the kernel end the command when the gateway dies, even by SIGKILL: a tunnel to a port that
 * another program may open next must not outlive the gateway. Without that program, the next start ends it.
 */
function endedWithUs(): readonly string[] {
  const words = ["setpriv", "--pdeathsig", "KILL", "--"];
  const [program = "", ...args] = words;
  const { PATH } = process.env;
  const tried = () => spawnSync(program, [...args, "true"], { env: { PATH }, stdio: "ignore" });
  // Tried again where it failed: there may have been no file descriptor for it.
  if (prefix.length === 0 && tried().status === 0) prefix = words;
  return prefix;
}

function codeOf(error: Error): string {
  return "code" in error ? String(error.code) : error.message;
}
