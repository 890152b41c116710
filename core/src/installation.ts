import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { readOrCreate } from "@claudeway/workdirs";

/**
 * The id of the gateway with its ledger in this folder: a UUID, created once. Every child process has it in its
 * environment, so that the next start after a crash recognises leftover processes.
 */
export function installationId(dataDir: string): string {
  const file = join(dataDir, "installation");
  const id = readOrCreate(file, randomUUID).toString().trim();
  if (/^[0-9a-f-]{36}$/.test(id)) return id;
  throw new Error(`${file}: must be an installation id; remove the file to create a new one`);
}
