import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { EngineTurn } from "@claudeway/ports";
import { hasResults, mayNeedResults, withResults } from "./call-results.js";
import { cliSessionOf } from "./options.js";
import { promptContent } from "./prompt-message.js";
import { Transcript } from "./transcript.js";
import { chainIdOf, entryOf } from "./transcript-entries.js";
import { openTranscript } from "./transcript-files.js";

/** A longer transcript is not gone on with in this way, in bytes: it is read at once. */
const MAX_BYTES = 256 * 1024 * 1024;

/** A turn as a new process is to run it. */
export interface PlacedTurn {
  readonly turn: EngineTurn;
  /** The conversation ends with the turn's prompt. */
  readonly placed: boolean;
}

/**
 * Puts a prompt with results of calls at the end of the conversation. A CLI that is sent them after it has resumed says to the
 * model that their calls were interrupted; one that finds a last message which nobody has answered takes that up as it is.
 * "missing": there is no conversation. Throws CONFLICT for a result of a call that does not wait.
 */
export async function placePrompt(turn: EngineTurn): Promise<PlacedTurn | "missing"> {
  if (turn.promptSent === true || !mayNeedResults(turn)) return { turn, placed: false };
  const session = cliSessionOf(turn);
  const transcript = new Transcript(session, turn.spawn);
  const text = await readWhole(transcript);
  if (text === undefined) return hasResults(turn) ? "missing" : { turn, placed: false };
  const { last, waiting } = endOf(text);
  const answered = withResults(turn, waiting);
  if (waiting.length === 0) return { turn, placed: false };
  await append(transcript, {
    parentUuid: last,
    type: "user",
    promptId: randomUUID(),
    // A message that begins with a result would be taken for a turn that was cut off, which the CLI adds a text to.
    message: { role: "user", content: [{ type: "text", text: "" }, ...promptContent(answered.plan)] },
    uuid: turn.info.id,
    timestamp: new Date().toISOString(),
    promptSource: "sdk",
    isSidechain: false,
    userType: "external",
    entrypoint: transcript.driver,
    cwd: turn.spawn.cwd,
    sessionId: session,
  });
  return { turn: answered, placed: true };
}

async function readWhole({ path, env }: Transcript): Promise<string | undefined> {
  let file: FileHandle | undefined;
  try {
    file = await openTranscript(path, env);
    if (file === undefined || (await file.stat()).size > MAX_BYTES) return undefined;
    return await file.readFile("utf8");
  } catch {
    return undefined;
  } finally {
    await file?.close();
  }
}

/** The last entry of a conversation, and the calls of the model's last message that have no result. */
function endOf(text: string): { readonly last: string | null; readonly waiting: readonly string[] } {
  const lines = text.split("\n");
  let message: string | undefined;
  let waiting: string[] = [];
  for (const line of lines) {
    const entry = entryOf(Buffer.from(line));
    const blocks = typeof entry?.content === "object" ? entry.content : [];
    if (entry?.type === "assistant") {
      if (entry.messageId !== message) waiting = [];
      message = entry.messageId;
      waiting.push(...blocks.flatMap(({ type, id }) => (type === "tool_use" ? [String(id)] : [])));
    } else if (entry !== undefined) {
      const settled = blocks.map(({ tool_use_id: id }) => id);
      waiting = waiting.filter((id) => !settled.includes(id));
    }
  }
  const last = lines.findLast((line) => chainIdOf(Buffer.from(line)) !== undefined);
  return { last: last === undefined ? null : (chainIdOf(Buffer.from(last)) ?? null), waiting };
}

/** Rejects if the transcript can't be written, or is not in the CLI's folder. */
async function append({ path, env }: Transcript, entry: object): Promise<void> {
  const seen = await openTranscript(path, env);
  if (seen === undefined) throw new Error(`${path} is not a transcript in the CLI's configuration folder`);
  try {
    const within = process.platform === "linux" ? `/proc/self/fd/${seen.fd}` : path;
    const file = await open(within, constants.O_WRONLY | constants.O_APPEND);
    try {
      await file.writeFile(`${JSON.stringify(entry)}\n`);
    } finally {
      await file.close();
    }
  } finally {
    await seen.close();
  }
}
