import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ApiKey } from "@claudeway/config";
import type { Logger } from "pino";

/** The name of the file in the data folder. */
export const GENERATED_KEY_FILE = "generated-key";

export interface KeyTelling {
  /** The URL of the gateway. */
  readonly url: string;
  readonly dataDir: string;
  readonly log: Logger;
}

/**
 * Shows a generated key. On a terminal it is printed once. Elsewhere stderr may be stored, for instance in a journal, so the
 * key is written to a file of mode 0600 and the log names the file. Throws errors of the file system.
 */
export function tellGeneratedKey(key: ApiKey, { url, dataDir, log }: KeyTelling): void {
  const file = join(dataDir, GENERATED_KEY_FILE);
  // A key of an earlier start is no longer valid.
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
