import { execFile } from "node:child_process";
import { constants, createWriteStream } from "node:fs";
import { copyFile, type FileHandle, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { markedEnvironment } from "@claudeway/core/marker";
import type { ConversationRef } from "@claudeway/ports";
import type { Logger } from "pino";
import { placeTranscript } from "./place-transcript.js";
import { Transcript } from "./transcript.js";

const PROGRAM = fileURLToPath(new URL("./fork-child.js", import.meta.url));
/** How long a copy may take, in ms, and how much memory, in MiB: a transcript is read at once for it. */
const TIMEOUT_MS = 60_000;
const MAX_MEMORY_MIB = 1024;
/** What the names of the folders that copies are made in begin with; then the marker of the gateway. */
const FOLDER = "claudeway-fork-";
const ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Copies a conversation up to a message, and puts the copy where a CLI in the copy's folder writes. The program that
 * copies works in a folder of its own, so that nothing in the CLI's folder can lead it elsewhere.
 *
 * @param file the transcript
 * @param marker of the gateway; see `removeCopies`
 */
export async function forkTranscript(
  { session, spawn }: ConversationRef,
  file: FileHandle,
  lastMessage: string,
  cwdOf: (session: string) => string,
  marker: string,
): Promise<ConversationRef> {
  const folder = await mkdtemp(join(tmpdir(), `${FOLDER}${marker}-`));
  try {
    const project = join(folder, "projects", "copy");
    await mkdir(project, { recursive: true });
    await pipeline(
      file.createReadStream({ start: 0, autoClose: false }),
      createWriteStream(join(project, `${session}.jsonl`)),
    );
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [`--max-old-space-size=${MAX_MEMORY_MIB}`, PROGRAM, session, lastMessage],
      {
        // Marked, so that it ends with a gateway that is killed.
        env: { ...spawn.env, CLAUDE_CONFIG_DIR: folder, ...markedEnvironment(marker) },
        cwd: project,
        timeout: TIMEOUT_MS,
        killSignal: "SIGKILL",
      },
    );
    if (!ID.test(stdout)) throw new Error(`the copy of a conversation has no id: ${stdout.slice(0, 200)}`);
    const copy = { session: stdout, spawn: { ...spawn, cwd: cwdOf(stdout) } };
    await placeTranscript(new Transcript(stdout, copy.spawn), (path) =>
      copyFile(join(project, `${stdout}.jsonl`), path, constants.COPYFILE_EXCL),
    );
    return copy;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Removes the copies that gateways of an installation left when they were killed. What can't be removed, such as another local
 * user's folder of that name, is logged and stays. Never rejects.
 */
export async function removeCopies(installation: string, log: Logger, folder = tmpdir()): Promise<void> {
  try {
    const left = (await readdir(folder)).filter((name) => name.startsWith(`${FOLDER}${installation}.`));
    const removed = await Promise.allSettled(
      left.map((name) => rm(join(folder, name), { recursive: true, force: true })),
    );
    const failed = removed.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  } catch (error) {
    log.warn({ err: error, folder }, "copies of conversations could not be removed");
  }
}
