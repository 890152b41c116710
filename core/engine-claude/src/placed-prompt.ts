import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { EngineTurn } from "@claudeway/ports";
import type { Logger } from "pino";
import { hasResults, mayNeedResults, withResults } from "./call-results.js";
import { cliSessionOf } from "./options.js";
import { promptContent } from "./prompt-message.js";
import { Transcript } from "./transcript.js";
import { endOf, type TranscriptEnd } from "./transcript-end.js";
import { openTranscript } from "./transcript-files.js";

/** A turn as a new process is to run it. */
export interface PlacedTurn {
  readonly turn: EngineTurn;
  /** The conversation ends with the turn's prompt. */
  readonly placed: boolean;
  /** The line that was added to the transcript for it. */
  readonly entry?: string;
}

/**
 * Puts a prompt with results of calls at the end of the conversation. A CLI that is sent them after it has resumed tells the
 * model that their calls were interrupted; one that finds an unanswered last message continues from it unchanged.
 * "missing": the conversation does not exist, or cannot be read. Throws CONFLICT for a result of a call that does not wait.
 */
export async function placePrompt(turn: EngineTurn, log: Logger): Promise<PlacedTurn | "missing"> {
  if (turn.promptSent === true || !mayNeedResults(turn)) return { turn, placed: false };
  const session = cliSessionOf(turn);
  const transcript = new Transcript(session, turn.spawn);
  const end = await readEnd(transcript, hasResults(turn), log);
  if (end === undefined) return hasResults(turn) ? "missing" : { turn, placed: false };
  const { last, waiting } = end;
  const answered = withResults(turn, waiting);
  if (waiting.length === 0) return { turn: answered, placed: false };
  const entry = JSON.stringify({
    parentUuid: last,
    type: "user",
    promptId: randomUUID(),
    // A message that begins with a result would be taken for a turn that was cut off, which the CLI adds a text to.
    message: { role: "user", content: [{ type: "text", text: "" }, ...promptContent(answered.plan)] },
    uuid: turn.info.id,
    timestamp: new Date().toISOString(),
    promptSource: "sdk",
    // What comes with results is no command and mentions no file. The CLI takes both of the marks from here alone.
    queueSkipAttachments: true,
    queueSkipSlashCommands: true,
    isSidechain: false,
    userType: "external",
    entrypoint: transcript.driver,
    cwd: turn.spawn.cwd,
    sessionId: session,
  });
  await append(transcript, entry);
  return { turn: answered, placed: true, entry };
}

/** Undefined if the transcript can't be read, or its end is beyond the limits. */
async function readEnd(
  { path, env }: Transcript,
  placesAgain: boolean,
  log: Logger,
): Promise<TranscriptEnd | undefined> {
  let file: FileHandle | undefined;
  try {
    file = await openTranscript(path, env);
    return file && (await endOf(file, placesAgain));
  } catch (error) {
    log.warn({ err: error, path }, "the end of a transcript could not be read");
    return undefined;
  } finally {
    await file?.close();
  }
}

/** Rejects if the transcript can't be written, or is not in the CLI's folder. */
async function append({ path, env }: Transcript, entry: string): Promise<void> {
  const seen = await openTranscript(path, env);
  if (seen === undefined) throw new Error(`${path} is not a transcript in the CLI's configuration folder`);
  try {
    const within = process.platform === "linux" ? `/proc/self/fd/${seen.fd}` : path;
    const file = await open(within, constants.O_WRONLY | constants.O_APPEND);
    try {
      // The last line of a CLI that was killed may be torn.
      const begin = (await endsWithLine(seen)) ? "" : "\n";
      await file.writeFile(`${begin}${entry}\n`);
    } finally {
      await file.close();
    }
  } finally {
    await seen.close();
  }
}

async function endsWithLine(file: FileHandle): Promise<boolean> {
  const { size } = await file.stat();
  const { buffer } = await file.read(Buffer.alloc(1), { position: size - 1 });
  return buffer[0] === 10;
}
