import { execFile } from "node:child_process";
import { mkdir, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { ConversationRef } from "@claudeway/ports";
import { Transcript } from "./transcript.js";

const PROGRAM = fileURLToPath(new URL("./fork-child.js", import.meta.url));
/** How long a copy may take, in ms, and how much memory, in MiB: a transcript is read at once for it. */
const TIMEOUT_MS = 60_000;
const MAX_MEMORY_MIB = 1024;
const ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Copies a conversation up to a message, and puts the copy where a CLI in the copy's folder writes.
 *
 * @param path of the transcript
 */
export async function forkTranscript(
  { session, spawn }: ConversationRef,
  path: string,
  lastMessage: string,
  cwdOf: (session: string) => string,
): Promise<ConversationRef> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [`--max-old-space-size=${MAX_MEMORY_MIB}`, PROGRAM, session, lastMessage],
    { env: spawn.env, cwd: dirname(path), timeout: TIMEOUT_MS, killSignal: "SIGKILL" },
  );
  if (!ID.test(stdout)) throw new Error(`the copy of a conversation has no id: ${stdout.slice(0, 200)}`);
  const copy = { session: stdout, spawn: { ...spawn, cwd: cwdOf(stdout) } };
  const place = new Transcript(stdout, copy.spawn).path;
  await mkdir(dirname(place), { recursive: true, mode: 0o700 });
  await rename(join(dirname(path), `${stdout}.jsonl`), place);
  return copy;
}
