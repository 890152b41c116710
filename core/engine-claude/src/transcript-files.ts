import { closeSync, constants, fstatSync, openSync, readlinkSync, realpathSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join, sep } from "node:path";
import { claudeFolder } from "@claudeway/core/host";

/*
 * Transcripts are written by the CLI, and in a sandbox anything in the key's configuration folder can be written by its
 * tools: a link to another key's transcript, a pipe that would block the gateway, a file of any size. The gateway is
 * outside of the sandbox and must not be led out of the folder.
 */

const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;
/** A longer transcript is not read, in bytes. */
export const MAX_TRANSCRIPT_BYTES = 1024 ** 3;

/** Opens a transcript to read it at once; undefined if it is missing, no file, or outside of the folder of `env`. */
export function openTranscriptSync(path: string, env: NodeJS.ProcessEnv): number | undefined {
  let file: number;
  try {
    file = openSync(path, FLAGS);
  } catch {
    return undefined;
  }
  if (isTranscript(file, path, env)) return file;
  closeSync(file);
  return undefined;
}

/** Opens a transcript. Rejects if it can't be opened; undefined if it is no file, or outside of the folder of `env`. */
export async function openTranscript(path: string, env: NodeJS.ProcessEnv): Promise<FileHandle | undefined> {
  const file = await open(path, FLAGS);
  if (isTranscript(file.fd, path, env)) return file;
  await file.close();
  return undefined;
}

/** Opens a folder of transcripts, as `openTranscript` does. */
export async function openTranscriptFolder(
  path: string,
  env: NodeJS.ProcessEnv,
): Promise<FileHandle | undefined> {
  const folder = await open(path, FLAGS | constants.O_DIRECTORY);
  if (isInside(folder.fd, path, env)) return folder;
  await folder.close();
  return undefined;
}

function isTranscript(file: number, path: string, env: NodeJS.ProcessEnv): boolean {
  const found = fstatSync(file);
  return found.isFile() && found.size <= MAX_TRANSCRIPT_BYTES && isInside(file, path, env);
}

/** Whether what was opened is in the folder: it stays the same, whatever replaces the path. */
function isInside(file: number, path: string, env: NodeJS.ProcessEnv): boolean {
  try {
    // Without /proc there is no sandbox either.
    const real = process.platform === "linux" ? readlinkSync(`/proc/self/fd/${file}`) : realpathSync(path);
    return real.startsWith(rootOf(env) + sep);
  } catch {
    return false;
  }
}

/** The folder that transcripts are in. In the gateway's own, users may have moved the transcripts elsewhere by a link. */
function rootOf(env: NodeJS.ProcessEnv): string {
  const folder = claudeFolder(env);
  return realpathSync(folder === claudeFolder(process.env) ? join(folder, "projects") : folder);
}
