import { readdir } from "node:fs/promises";
import { resolve } from "node:path";
import type { UnaskedCall } from "@claudeway/ports";
import { isWithin, locate } from "./located.js";
import { SESSION_ID, type Workdirs } from "./workdirs.js";

/** The fields in which tools name the single file that they read. */
const FILE_FIELDS = ["file_path", "notebook_path", "filePath"];

/** Tools that read everything below a folder, which may be named. */
const SEARCHES = ["Grep", "LS"];

/** Tools that may read anything in the workdir without naming it: with a wildcard, a `cd` or an index. */
const ROAMING = ["Glob", "Bash", "PowerShell", "Monitor", "LSP"];

/**
 * Whether a call may read in a folder that was made for another session. The CLI lets reads in the workdir run unasked,
 * and the workdir may be around such folders: a one-shot task works in the base folder.
 */
export async function readsOthersFolder(
  call: UnaskedCall,
  /** The workdir, then the folders beside it. */
  folders: readonly [string, ...(readonly string[])],
  sessionId: string,
  workdirs: Workdirs,
): Promise<boolean> {
  const { tool, input, cwd } = call;
  const [workdir] = folders;
  for (const field of FILE_FIELDS) {
    const path = input[field];
    if (typeof path === "string" && (await isOthers(resolve(cwd, path), sessionId, workdirs))) return true;
  }
  if (ROAMING.includes(tool)) {
    for (const folder of folders) if (await holdsOthers(folder, sessionId, workdirs)) return true;
    return false;
  }
  if (!SEARCHES.includes(tool)) return false;
  const { path = "." } = input;
  const folder = typeof path === "string" ? resolve(cwd, path) : workdir;
  return (await isOthers(folder, sessionId, workdirs)) || holdsOthers(folder, sessionId, workdirs);
}

async function isOthers(path: string, sessionId: string, workdirs: Workdirs): Promise<boolean> {
  const owner = await workdirs.ownerOf((await locate(path)).real);
  return owner !== undefined && owner !== sessionId;
}

/** Whether sessions have folders below this one, because it is or contains the base folder. */
async function holdsOthers(folder: string, sessionId: string, workdirs: Workdirs): Promise<boolean> {
  const [{ real }, { real: base }] = [await locate(folder), await locate(workdirs.base)];
  if (!isWithin(base, real)) return false;
  const names = await readdir(base).catch(() => []);
  return names.some((name) => SESSION_ID.test(name) && name !== sessionId);
}
