import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { eventually } from "./poll.js";

const COMMAND = fileURLToPath(new URL("../../core/cli/bin/claudeway.js", import.meta.url));
/** Colours, cursor movements and the like. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what they begin with
const ESCAPES = /\x1b\[[0-9;?]*[A-Za-z]/g;

export const KEY = { enter: "\r", down: "\x1b[B", space: " ", interrupt: "\x03" } as const;

/** The command on a terminal of its own: a pty that `script` (util-linux) makes. */
export class TerminalSession {
  #text = "";
  /** What was looked at; what is waited for comes after it. */
  #seen = 0;

  private constructor(private readonly child: ChildProcess) {
    child.stdout?.setEncoding("utf8").on("data", (text: string) => (this.#text += text));
  }

  static start(
    args: readonly string[],
    cwd: string,
    env: Readonly<Record<string, string>>,
    columns = 200,
  ): TerminalSession {
    const command = [process.execPath, COMMAND, ...args].map((word) => `'${word}'`).join(" ");
    const { WRAPPER_KEYS, CI, ...inherited } = process.env;
    const child = spawn(
      "script",
      [
        "--quiet",
        "--flush",
        "--return",
        "--command",
        `stty cols ${columns} rows 50; exec ${command}`,
        "/dev/null",
      ],
      {
        cwd,
        env: { ...inherited, TERM: "xterm", ...env },
        stdio: ["pipe", "pipe", "inherit"],
      },
    );
    return new TerminalSession(child);
  }

  /** All that was shown, without colours. */
  get text(): string {
    return this.#text.replace(ESCAPES, "");
  }

  /** Waits until the words are shown, after those that were waited for before. */
  async shows(words: string): Promise<void> {
    await eventually(`"${words}" on the terminal`, () => {
      const at = this.text.indexOf(words, this.#seen);
      if (at === -1) return this.#hasEnded && Promise.reject(new Error(`it ended without "${words}"`));
      this.#seen = at + words.length;
      return true;
    }).catch((error: Error) => {
      throw new Error(`${error.message}; it shows:\n${this.text}`);
    });
  }

  /** Types the keys one after the other. */
  async type(...keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      this.child.stdin?.write(key);
      // Sent separately, as from a keyboard; two together would be another key.
      await new Promise((resolve) => setTimeout(resolve, 60));
    }
  }

  /** Waits for the end; resolves to the exit code. */
  async ended(): Promise<number | null> {
    if (!this.#hasEnded) await once(this.child, "exit");
    return this.child.exitCode;
  }

  async kill(): Promise<void> {
    if (this.#hasEnded) return;
    this.child.kill("SIGKILL");
    await this.ended();
  }

  get #hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }
}
