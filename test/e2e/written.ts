import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isObject, type Tokens } from "@claudeway/schemas";
import { NO_TOKENS } from "./ledger-file.js";

/** How much of a message is known. */
export type MessagePart = "begun" | "ended";

/** What the CLIs of a gateway wrote down, in their transcripts. */
export class Written {
  readonly #messages = new Map<string, MessagePart>();
  readonly #saved = new Map<string, Tokens>();

  /** @param folder `CLAUDE_CONFIG_DIR` */
  constructor(folder: string) {
    const projects = join(folder, "projects");
    const files = readdirSync(projects, { recursive: true, encoding: "utf8" });
    for (const file of files.filter((name) => name.endsWith(".jsonl")))
      for (const line of readFileSync(join(projects, file), "utf8").split("\n")) this.#read(line);
  }

  /** How much of the message a transcript has. */
  part(messageId: string): MessagePart | undefined {
    return this.#messages.get(messageId);
  }

  /** The totals that a CLI of the session saved last. */
  savedBy(session: string): Tokens {
    return this.#saved.get(session) ?? NO_TOKENS;
  }

  #read(line: string): void {
    const entry = objectIn(line);
    const { message, modelUsage, sessionId } = entry;
    if (isObject(message))
      this.#messages.set(String(message["id"]), message["stop_reason"] === null ? "begun" : "ended");
    if (entry["type"] === "cost-state" && isObject(modelUsage))
      this.#saved.set(String(sessionId), sumOf(Object.values(modelUsage).filter(isObject)));
  }
}

function sumOf(rows: readonly Readonly<Record<string, unknown>>[]): Tokens {
  const sum = (count: string) => rows.reduce((all, row) => all + Number(row[count]), 0);
  return {
    input: sum("inputTokens"),
    output: sum("outputTokens"),
    cache_read: sum("cacheReadInputTokens"),
    cache_write: sum("cacheCreationInputTokens"),
  };
}

/** Empty for a line that was cut off. */
function objectIn(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}
