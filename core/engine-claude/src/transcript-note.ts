import { randomUUID } from "node:crypto";
import { rename, rm, writeFile } from "node:fs/promises";
import { isObject } from "@claudeway/schemas";
import { placeTranscript } from "./place-transcript.js";
import { openTranscript } from "./transcript-files.js";
import { placeOf, type TranscriptPlace } from "./transcript-parts.js";

/** What a node knows of its own file of a conversation, in a file beside it. */
export interface TranscriptNote {
  /** The epoch under which the node had the session: the file contains everything stored up to it. */
  readonly epoch: number;
  /** The number of the last stored part that the file is known to contain. */
  readonly seq: number;
  /** The size of the file when this was written. If it differs, the end of the file may not be stored. */
  readonly size: number;
  /** The epoch under which entries of this file could not be stored. */
  readonly lacking?: number;
}

const MAX_NOTE_BYTES = 1024;

/** Undefined if the note is missing or can't be read: the file is then not known to be current. */
export async function readNote(place: TranscriptPlace): Promise<TranscriptNote | undefined> {
  const { path, env } = notePlace(place);
  try {
    const file = await openTranscript(path, env);
    if (file === undefined) return undefined;
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_NOTE_BYTES), { position: 0 });
      return toNote(JSON.parse(buffer.toString("utf8", 0, bytesRead)));
    } finally {
      await file.close();
    }
  } catch {
    return undefined;
  }
}

export async function writeNote(place: TranscriptPlace, note: TranscriptNote): Promise<void> {
  await writeWhole(notePlace(place), (path) =>
    writeFile(path, JSON.stringify(note), { mode: 0o600, flag: "wx" }),
  );
}

export async function removeNote(place: TranscriptPlace): Promise<void> {
  await rm(notePlace(place).path, { force: true });
}

/** Has a file written under another name, and gives it its own when it is complete. */
export async function writeWhole(
  place: TranscriptPlace,
  write: (path: string) => Promise<void>,
): Promise<void> {
  await placeTranscript(place, async (path) => {
    const part = `${path}.${randomUUID()}.part`;
    try {
      await write(part);
      await rename(part, path);
    } catch (error) {
      await rm(part, { force: true });
      throw error;
    }
  });
}

function notePlace(place: TranscriptPlace): TranscriptPlace {
  return placeOf(place, "", ".stored.json");
}

function toNote(value: unknown): TranscriptNote | undefined {
  if (!isObject(value)) return undefined;
  const { epoch, seq, size, lacking } = value;
  if (!isCount(epoch) || !isCount(seq) || !isCount(size)) return undefined;
  return { epoch, seq, size, ...(isCount(lacking) && { lacking }) };
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
