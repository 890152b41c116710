import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * The id of the gateway that keeps its ledger in this folder: a UUID, made once, readable by the owner only.
 * Every child carries it, so that after a crash the next start can tell its leftovers from everything else.
 */
export function installationId(dataDir: string): string {
  const file = join(dataDir, "installation");
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  try {
    writeFileSync(file, randomUUID(), { mode: 0o600, flag: "wx" });
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
  const id = readFileSync(file, "utf8").trim();
  if (/^[0-9a-f-]{36}$/.test(id)) return id;
  throw new Error(`${file}: is no installation id; remove it to have a new one made`);
}
