import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { makeFolder } from "./make-folder.js";

/**
 * Reads a file, or creates it with the content of `make` if it does not exist, readable by its owner only. The file is
 * complete or missing, even after a power failure. The caller must hold the ledger's lock, so that no other process
 * creates the file at the same time. Throws file system errors.
 */
export function readOrCreate(path: string, make: () => string | Buffer): Buffer {
  if (!existsSync(path)) {
    makeFolder(dirname(path));
    const unfinished = `${path}.new`;
    // One that a kill left may be anybody's to read, or half of it.
    rmSync(unfinished, { force: true });
    writeFileSync(unfinished, make(), { mode: 0o600, flag: "wx", flush: true });
    renameSync(unfinished, path);
  }
  return readFileSync(path);
}
