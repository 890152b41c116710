import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Bash in a folder where every command that there is does nothing but write down that it was called. */
export class RealBash {
  readonly #bin: string;
  #runs = 0;

  constructor(
    private readonly folder: string,
    names: readonly string[],
  ) {
    this.#bin = join(folder, "bin");
    mkdirSync(this.#bin, { recursive: true });
    for (const name of names) {
      const stub = join(this.#bin, name);
      writeFileSync(stub, `#!/bin/sh\necho ${name} >> "$CALLED"\n`);
      chmodSync(stub, 0o700);
    }
  }

  /** Runs a command as the CLI does, and says what it called and which files it made. */
  run(command: string): { readonly called: readonly string[]; readonly made: readonly string[] } {
    // What is left in the background may write late: each run has files of its own.
    this.#runs += 1;
    const cwd = join(this.folder, `run-${this.#runs}`);
    const log = join(this.folder, `called-${this.#runs}`);
    mkdirSync(cwd);
    const env = { PATH: this.#bin, HOME: cwd, CALLED: log };
    try {
      const script = `eval ${quoted(command)}\nwait`;
      execFileSync("/bin/bash", ["-O", "expand_aliases", "-c", script], {
        cwd,
        env,
        timeout: 5_000,
        stdio: "ignore",
      });
    } catch {
      // How it ends does not matter here.
    }
    const called = existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : [];
    return { called, made: readdirSync(cwd) };
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''").replaceAll("\0", "")}'`;
}
