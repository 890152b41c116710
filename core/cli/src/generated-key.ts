import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ApiKey } from "@claudeway/config";
import { messageOf } from "@claudeway/ports";
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
 * key is written to a file of mode 0600 and the log names the file. Returns that file; throws one line if it can't be written.
 */
export function tellGeneratedKey(key: ApiKey, { url, dataDir, log }: KeyTelling): string | undefined {
  const file = join(dataDir, GENERATED_KEY_FILE);
  const isShown = process.stderr.isTTY;
  replaceFile(file, isShown ? undefined : `${key.secret}\n`);
  if (isShown) process.stderr.write(textOf(key, url));
  else log.warn({ file }, "no API keys configured; one was generated for this run and written to the file");
  return isShown ? undefined : file;
}

/** Without a text there is no file afterwards: a key of an earlier start is no longer valid. */
function replaceFile(file: string, text: string | undefined): void {
  try {
    rmSync(file, { force: true });
    if (text !== undefined) writeFileSync(file, text, { mode: 0o600, flag: "wx" });
  } catch (error) {
    throw new Error(`the generated key can't be saved: ${messageOf(error)}`, { cause: error });
  }
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
