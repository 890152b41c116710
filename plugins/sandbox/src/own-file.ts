import { existsSync, lstatSync } from "node:fs";
import { dirname } from "node:path";

/** Whether a file is there, and not what another user has put where its folder was. */
export function isOwn(file: string): boolean {
  return lstatSync(dirname(file), { throwIfNoEntry: false })?.uid === process.getuid?.() && existsSync(file);
}
