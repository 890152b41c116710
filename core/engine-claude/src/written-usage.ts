import { type FileHandle, readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { claudeFolder } from "@claudeway/core/host";
import type { SessionTotals, TotalsByModel, Transcripts, WrittenUsage } from "@claudeway/ports";
import { afterReport, settle, withoutUncharged } from "./bases.js";
import { DeliveredUsage, isMessageUsage } from "./delivered-usage.js";
import { isEmpty, NO_TOTALS } from "./totals.js";
import { driverOf, SAVED, type Transcript, totalsIn } from "./transcript.js";
import { openTranscript } from "./transcript-files.js";
import { linesBetween } from "./transcript-lines.js";
import { readNote } from "./transcript-note.js";
import { storedParts } from "./transcript-repair.js";

/** What the CLI calls the author of messages that no model wrote, such as "API Error: …". */
const NO_MODEL = "<synthetic>";

/**
 * The usage that a session's CLI recorded in its transcript since `since`, including subagents, for messages that the
 * gateway did not receive. It covers each message of which at least one block arrived, with its usage at that point. If
 * the CLI then ended by itself and saved its totals, those are used: they include the price, and usage outside
 * messages. Undefined if nothing is found.
 *
 * @param session the CLI's own id of the session
 * @param before what is known of the session's totals before `since`
 */
export async function writtenSince(
  session: string,
  env: NodeJS.ProcessEnv,
  since: Date,
  before: SessionTotals | undefined,
  stored?: Pick<Transcripts, "find" | "read">,
): Promise<WrittenUsage | undefined> {
  const delivered = DeliveredUsage.of(before?.unreported ?? []);
  const isWanted = ({ id, at, driver }: MessageMark) =>
    isOf(driver, driverOf(env)) && (at >= since.getTime() || delivered.has(id));
  let saved: TotalsByModel | undefined;
  for await (const line of writtenLines(session, env, stored)) {
    if (line.startsWith(SAVED)) saved = totalsIn(line, session) ?? saved;
    else if (noteMessage(line, delivered, isWanted)) saved = undefined;
  }
  const all = delivered.totals();
  const carried = before?.carried ?? NO_TOTALS;
  if (isEmpty(all) && isEmpty(carried)) return undefined;
  if (saved === undefined || isEmpty(all)) return { used: all, carried };
  const { used, base } = settle(saved, before, { all, uncut: all });
  return { used, carried, totals: { ...withoutUncharged(before), ...afterReport(saved, base, false) } };
}

/**
 * Completes `delivered` with the usage of subagents' messages that an ended process wrote, since the stream lacks
 * their output.
 */
export async function noteWritten(transcript: Transcript, delivered: DeliveredUsage): Promise<void> {
  for (const path of await subagentsIn(transcript.subagents)) {
    for await (const line of linesOf(path, transcript.env))
      noteMessage(line, delivered, ({ id }) => delivered.has(id));
  }
}

/**
 * The same for a turn that was interrupted by the end of its process, including the turn's own messages, which may not
 * have been streamed.
 */
export async function noteWrittenOfTurn(
  transcript: Transcript,
  delivered: DeliveredUsage,
  began: Date,
): Promise<void> {
  await noteWritten(transcript, delivered);
  const isWanted = ({ at, driver }: MessageMark) => isOf(driver, transcript.driver) && at >= began.getTime();
  for await (const line of linesOf(transcript.path, transcript.env)) noteMessage(line, delivered, isWanted);
}

/** Those of the session's own transcript come last. */
async function* writtenLines(
  session: string,
  env: NodeJS.ProcessEnv,
  stored: Pick<Transcripts, "find" | "read"> | undefined,
): AsyncGenerator<string, void> {
  const paths = await transcriptsOf(session, claudeFolder(env));
  if (stored === undefined || (await isUpToDate(session, paths, env, stored))) {
    for (const path of paths) yield* linesOf(path, env);
    return;
  }
  for (const isOwn of [false, true])
    for await (const { subpath, lines } of storedParts(stored, session))
      if ((subpath === "") === isOwn) yield* lines;
}

/** Whether this node's file of the session has all that is stored: no other node has written since. */
async function isUpToDate(
  session: string,
  paths: readonly string[],
  env: NodeJS.ProcessEnv,
  stored: Pick<Transcripts, "find">,
): Promise<boolean> {
  const last = await stored.find(session);
  const own = paths.filter((path) => basename(path) === `${session}.jsonl`);
  const notes = await Promise.all(own.map((path) => readNote({ path, env })));
  return last === undefined || notes.some((note) => note !== undefined && last.epoch <= note.epoch);
}

/** The session's own file is read last: its end shows whether the CLI saved its totals. */
async function transcriptsOf(session: string, claude: string): Promise<string[]> {
  const projects = join(claude, "projects");
  const found: string[] = [];
  for (const project of await namesIn(projects)) {
    found.push(...(await subagentsIn(join(projects, project, session, "subagents"))));
    found.push(join(projects, project, `${session}.jsonl`));
  }
  return found;
}

async function subagentsIn(folder: string): Promise<string[]> {
  const names = await namesIn(folder);
  return names.filter((name) => name.endsWith(".jsonl")).map((name) => join(folder, name));
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch {
    // There is no transcript; the ledger has what was received.
    return [];
  }
}

async function* linesOf(path: string, env: NodeJS.ProcessEnv): AsyncGenerator<string> {
  let file: FileHandle | undefined;
  try {
    file = await openTranscript(path, env);
  } catch {
    // The session is another folder's, or its file can't be read: nothing is known of it.
  }
  if (file === undefined) return;
  try {
    const { size } = await file.stat();
    for await (const { bytes } of linesBetween(file, 0, size)) yield bytes.toString("utf8");
  } finally {
    await file.close();
  }
}

/** The fields that identify the owner of a message. */
interface MessageMark {
  readonly id: string;
  /** When it arrived, in ms since the epoch. */
  readonly at: number;
  /** The program that it came through. */
  readonly driver: unknown;
}

/** Messages say which program they came through, except those of an old CLI. */
function isOf(driver: unknown, own: string): boolean {
  return driver === undefined || driver === own;
}

/** Whether the line is a model's message that is wanted; it is counted then. */
function noteMessage(
  line: string,
  delivered: DeliveredUsage,
  isWanted: (mark: MessageMark) => boolean,
): boolean {
  if (!line.includes('"type":"assistant"')) return false;
  const entry = parse(line);
  if (entry?.["type"] !== "assistant") return false;
  const message = recordOf(entry["message"]);
  const { id, model, usage } = message ?? {};
  if (typeof id !== "string" || typeof model !== "string" || model === NO_MODEL) return false;
  const mark = { id, at: Date.parse(String(entry["timestamp"])), driver: entry["entrypoint"] };
  if (!isMessageUsage(usage) || !isWanted(mark)) return false;
  try {
    delivered.note(id, model, usage, "closed");
    return true;
  } catch {
    // No CLI has written that.
    return false;
  }
}

/** Undefined for a line that is torn. */
function parse(line: string): Record<string, unknown> | undefined {
  try {
    return recordOf(JSON.parse(line));
  } catch {
    return undefined;
  }
}

function recordOf(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null ? { ...value } : undefined;
}
