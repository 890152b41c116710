import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findClaude } from "#engine-claude/executable.js";
import type { MessagePart } from "../test/e2e/written.js";

const MESSAGE_ID = /msg_demo_[0-9a-f]+/;

/** Keeps all that the CLIs of a run say, by a program that stands in for the CLI and becomes it. */
export class Said {
  readonly #dir = mkdtempSync(join(tmpdir(), "claudeway-chaos-"));
  /** For `--claude-bin`. */
  readonly claude = join(this.#dir, "claude");

  constructor() {
    mkdirSync(this.#files);
    const { path } = findClaude(undefined);
    const script = `#!/bin/bash\nexec '${path}' "$@" > >(exec tee -a '${this.#files}'/$$)\n`;
    writeFileSync(this.claude, script, { mode: 0o755 });
  }

  /** The messages that a CLI has told of: their beginning alone, or their end too. */
  messages(): ReadonlyMap<string, MessagePart> {
    const found = new Map<string, MessagePart>();
    for (const name of readdirSync(this.#files)) {
      let current = "";
      for (const line of readFileSync(join(this.#files, name), "latin1").split("\n")) {
        const [id] = line.match(MESSAGE_ID) ?? [];
        if (id !== undefined && !found.has(id)) found.set(id, "begun");
        if (line.includes('"type":"message_start"') && id !== undefined) current = id;
        if (line.includes('"type":"message_delta"') && !line.includes('"stop_reason":null'))
          found.set(current, "ended");
      }
    }
    return found;
  }

  dispose(): void {
    rmSync(this.#dir, { recursive: true, force: true });
  }

  get #files(): string {
    return join(this.#dir, "said");
  }
}
