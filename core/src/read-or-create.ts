import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { makeFolder } from "./make-folder.js";

/**
 * What a file holds that is made once and then kept, readable by the owner only; `make` is asked for it where there is no
 * such file. It is whole or not there, even after a power failure. Whoever calls holds the ledger's lock: no other process
 * makes the file at the same time. Throws as the file system does.
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
