import { readdir, rm, stat, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { claudeFolder } from "@claudeway/core/host";
import type { SpawnPlan, StoredConversation } from "@claudeway/ports";
import type { Logger } from "pino";
import { pathOf } from "./place-transcript.js";
import { Transcript } from "./transcript.js";
import { openTranscriptFolder } from "./transcript-files.js";
import { readNote, removeNote, type TranscriptNote, writeNote } from "./transcript-note.js";
import type { TranscriptPlace } from "./transcript-parts.js";

/** Where a CLI is started: a part of a `SpawnPlan`. */
export type Spawn = Pick<SpawnPlan, "cwd" | "env">;

/** A node's own file of a conversation, and what the node knows of it. */
export interface LocalFile {
  readonly place: TranscriptPlace;
  readonly size: number;
  readonly note: TranscriptNote | undefined;
}

/** Whether nothing was stored that the file does not have: no other node wrote since this one had the session. */
export function isAhead({ note }: LocalFile, stored: StoredConversation | undefined): boolean {
  if (stored === undefined) return true;
  return note !== undefined && note.seq <= stored.seq && stored.epoch <= note.epoch;
}

export function isCurrent(
  { place, note, size }: LocalFile,
  stored: StoredConversation | undefined,
  at: TranscriptPlace,
): boolean {
  const isNoted = note?.seq === stored?.seq && note?.size === size && note.lacking === undefined;
  return isNoted && place.path === at.path;
}

/** The node's file of a conversation: that of the CLI's folder, else one of another folder. */
export async function localFile(conversation: string, spawn: Spawn): Promise<LocalFile | undefined> {
  const at = new Transcript(conversation, spawn);
  for (const place of [at, ...(await othersOf(conversation, at))]) {
    const size = await sizeOf(place);
    if (size > 0) return { place, size, note: await readNote(place) };
  }
  return undefined;
}

/** The same conversation's files of other working directories. */
async function othersOf(conversation: string, { path, env }: TranscriptPlace): Promise<TranscriptPlace[]> {
  const projects = join(claudeFolder(env), "projects");
  const folders = await readdir(projects).catch(() => []);
  const places = folders.map((folder) => join(projects, folder, `${conversation}.jsonl`));
  return places.filter((other) => other !== path).map((other) => ({ path: other, env }));
}

/** A CLI could find an old file there. */
export async function removeOthers(conversation: string, place: TranscriptPlace): Promise<void> {
  for (const other of await othersOf(conversation, place)) {
    if ((await sizeOf(other)) === 0) continue;
    await removeConversation(conversation, other);
  }
}

/** Removes a conversation's files of one folder. What tools put in their place may lead out of it, and is left. */
async function removeConversation(conversation: string, { path, env }: TranscriptPlace): Promise<void> {
  const folder = await openTranscriptFolder(dirname(path), env).catch(() => undefined);
  if (folder === undefined) return;
  try {
    const within = pathOf(folder, dirname(path));
    await rm(join(within, basename(path)), { force: true });
    await removeNote({ path: join(within, basename(path)), env });
    const agents = join(dirname(path), conversation, "subagents");
    const inside = await openTranscriptFolder(agents, env).catch(() => undefined);
    if (inside === undefined) return;
    try {
      for (const name of await readdir(pathOf(inside, agents)))
        await unlink(join(pathOf(inside, agents), name)).catch(() => undefined);
    } finally {
      await inside.close();
    }
  } finally {
    await folder.close();
  }
}

/** 0 if there is no file. */
export async function sizeOf({ path }: TranscriptPlace): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch {
    return 0;
  }
}

/** Writes the note about a conversation's file in the CLI's folder. A failure is logged. */
export async function noteTranscript(
  conversation: string,
  spawn: Spawn,
  note: Omit<TranscriptNote, "size">,
  log: Logger,
): Promise<void> {
  const place = new Transcript(conversation, spawn);
  try {
    await writeNote(place, { ...note, size: await sizeOf(place) });
  } catch (err) {
    // Without it the file is written anew before its next use.
    log.warn({ err, conversation }, "the note about a transcript could not be written");
  }
}
