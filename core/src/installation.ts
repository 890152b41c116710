import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { readOrCreate } from "./read-or-create.js";

/**
 * The id of the gateway that keeps its ledger in this folder: a UUID, made once.
 * Every child process carries it, so that after a crash the next start recognises what the gateway left behind.
 */
export function installationId(dataDir: string): string {
  const file = join(dataDir, "installation");
  const id = readOrCreate(file, randomUUID).toString().trim();
  if (/^[0-9a-f-]{36}$/.test(id)) return id;
  throw new Error(`${file}: must be an installation id; remove the file to create a new one`);
}
