import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ApiKey } from "@claudeway/config";
import type { Logger } from "pino";

/** In the data folder. */
export const GENERATED_KEY_FILE = "generated-key";

export interface KeyTelling {
  /** Where the gateway listens. */
  readonly url: string;
  readonly dataDir: string;
  readonly log: Logger;
}

/**
 * Shows the key of a gateway that was given none: on a terminal as text, once. What stderr leads to elsewhere is kept by
 * others, a journal say, so the key goes to a file of mode 0600 then, and the log names that. Throws as the file system does.
 */
export function tellGeneratedKey(key: ApiKey, { url, dataDir, log }: KeyTelling): void {
  const file = join(dataDir, GENERATED_KEY_FILE);
  // The one of an earlier start opens nothing any more.
  rmSync(file, { force: true });
  if (process.stderr.isTTY) {
    process.stderr.write(textOf(key, url));
    return;
  }
  writeFileSync(file, `${key.secret}\n`, { mode: 0o600, flag: "wx" });
  log.warn({ file }, "no API keys configured; one was generated for this run and written to the file");
}

function textOf({ secret }: ApiKey, url: string): string {
  return [
    "No API keys configured; generated one for this run:",
    "",
    `  ${secret}`,
    "",
    `  curl ${url}/task -H "Authorization: Bearer ${secret}" -H "Content-Type: application/json" -d '{"prompt": "Hello"}'`,
    "",
    "Set your own with --keys or WRAPPER_KEYS.",
    "",
    "",
  ].join("\n");
}
