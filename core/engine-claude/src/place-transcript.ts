import { constants } from "node:fs";
import { type FileHandle, mkdir, open } from "node:fs/promises";
import { basename, dirname, join, relative, sep } from "node:path";
import { claudeFolder } from "@claudeway/core/host";
import { openTranscriptFolder } from "./transcript-files.js";
import type { TranscriptPlace } from "./transcript-parts.js";

/**
 * Has a transcript written in its place: `write` gets a path to it through the open folder. Rejects if the place is outside of
 * the CLI's folder, where a link may lead.
 */
export async function placeTranscript(
  { path, env }: TranscriptPlace,
  write: (path: string) => Promise<void>,
): Promise<void> {
  const folder = await makeTranscriptFolder(dirname(path), env);
  if (folder === undefined) throw new Error(`${dirname(path)} is not in the CLI's configuration folder`);
  try {
    await write(join(pathOf(folder, dirname(path)), basename(path)));
  } finally {
    await folder.close();
  }
}

/** A path to what is in an open folder, whatever takes the folder's own place. */
export function pathOf(folder: FileHandle, path: string): string {
  return process.platform === "linux" ? `/proc/self/fd/${folder.fd}` : path;
}

/** Opens a folder of transcripts, and makes what is missing of it. */
async function makeTranscriptFolder(path: string, env: NodeJS.ProcessEnv): Promise<FileHandle | undefined> {
  const root = claudeFolder(env);
  const names = relative(root, path).split(sep);
  // In the gateway's own folder, users may have moved the transcripts elsewhere by a link.
  const mayLead = root === claudeFolder(process.env);
  if (process.platform !== "linux" || mayLead || names.includes("..")) {
    await mkdir(path, { recursive: true, mode: 0o700 });
    return openTranscriptFolder(path, env);
  }
  await mkdir(root, { recursive: true, mode: 0o700 });
  let folder = await open(root, constants.O_RDONLY | constants.O_DIRECTORY);
  for (const name of names) folder = await enter(folder, name);
  return folder;
}

/** The folder in an open one, made if it is missing. Rejects if it is a link; closes the outer one. */
async function enter(outer: FileHandle, name: string): Promise<FileHandle> {
  const path = join(`/proc/self/fd/${outer.fd}`, name);
  try {
    await mkdir(path, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
    return await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } finally {
    await outer.close();
  }
}
