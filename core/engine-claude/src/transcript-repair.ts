import { opendir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Claim, StoredPart, Transcripts } from "@claudeway/ports";
import { openTranscript } from "./transcript-files.js";
import { linesBetween } from "./transcript-lines.js";
import type { Repaired } from "./transcript-mirror.js";
import {
  isMirrored,
  keyOf,
  metadataIn,
  metadataLine,
  partsOf,
  placeOf,
  subpathIn,
  type TranscriptPlace,
} from "./transcript-parts.js";

/** Lines that are stored at once, in characters. */
const BATCH_CHARS = 1024 * 1024;
/** How many files are looked at below the folder of a conversation. */
const MAX_ENTRIES = 10_000;
/** A subagent's metadata is small, in bytes. */
const MAX_METADATA = 64 * 1024;

/** All parts of a conversation, in their order. */
export async function* storedParts(
  transcripts: Pick<Transcripts, "read">,
  conversation: string,
): AsyncGenerator<StoredPart, void> {
  for (let after = 0; ; ) {
    const parts = await transcripts.read(conversation, after);
    const last = parts.at(-1);
    if (last === undefined) return;
    yield* parts;
    after = last.seq;
  }
}

/** Stores what a conversation's files have and the store lacks. Rejects as `Transcripts.append` does, and if it is too large. */
export async function repairTranscript(
  transcripts: Transcripts,
  claim: Claim,
  conversation: string,
  place: TranscriptPlace,
): Promise<Repaired> {
  const stored = new Set<string>();
  for await (const { subpath, lines } of storedParts(transcripts, conversation))
    for (const line of lines) stored.add(`${subpath}\n${keyOf(line)}`);
  const missing = new Set(
    [...stored].filter((key) => metadataIn(key.slice(key.indexOf("\n") + 1)) === undefined),
  );
  const known = new Set<string>();
  let end = (await transcripts.session(claim.sessionId))?.end ?? 0;
  for (const subpath of ["", ...(await subpathsOf(place))]) {
    const send = async (lines: readonly string[]) => {
      for (const part of partsOf({ conversation, subpath }, lines)) {
        const outcome = await transcripts.append(claim, part, end);
        if (outcome === "too large") throw new Error("the session's transcript is larger than can be stored");
        if (outcome === "deleted") return;
        end = outcome;
      }
    };
    let [lines, chars]: [string[], number] = [[], 0];
    for await (const line of linesOf(place, subpath)) {
      const key = keyOf(line);
      known.add(key);
      missing.delete(`${subpath}\n${key}`);
      if (stored.has(`${subpath}\n${key}`)) continue;
      lines.push(line);
      chars += line.length;
      if (chars < BATCH_CHARS) continue;
      await send(lines);
      [lines, chars] = [[], 0];
    }
    await send(lines);
  }
  return { end, known, filesLack: missing.size > 0 };
}

/** The lines of a file that the CLI mirrors. Empty if the file can't be read. */
export async function* linesOf(place: TranscriptPlace, subpath: string): AsyncGenerator<string, void> {
  const { path, env } = placeOf(place, subpath);
  const file = await openTranscript(path, env).catch(() => undefined);
  if (file !== undefined) {
    try {
      const { size } = await file.stat();
      for await (const { bytes } of linesBetween(file, 0, size)) {
        const line = bytes.toString("utf8");
        if (isMirrored(line) && isWhole(line)) yield line;
      }
    } finally {
      await file.close();
    }
  }
  const metadata = subpath === "" ? undefined : await metadataOf(place, subpath);
  if (metadata !== undefined) yield metadata;
}

/** A CLI that was killed may leave a torn line, and the next CLI writes after it. */
function isWhole(line: string): boolean {
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}

async function metadataOf(place: TranscriptPlace, subpath: string): Promise<string | undefined> {
  const { path, env } = placeOf(place, subpath, ".meta.json");
  const file = await openTranscript(path, env).catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const { size } = await file.stat();
    return size > MAX_METADATA ? undefined : metadataLine(await readFile(file, "utf8"));
  } finally {
    await file.close();
  }
}

/** The files below the folder of a conversation, which tools can write to, too. */
async function subpathsOf(place: TranscriptPlace): Promise<string[]> {
  const found = new Set<string>();
  let looked = 0;
  try {
    for await (const entry of await opendir(place.path.slice(0, -".jsonl".length), { recursive: true })) {
      if (++looked > MAX_ENTRIES) break;
      const path = join(entry.parentPath, entry.name);
      const subpath = path.endsWith(".jsonl") ? subpathIn(place, path) : undefined;
      if (subpath !== undefined) found.add(subpath);
    }
  } catch {
    // No subagent has worked in the conversation.
  }
  return [...found];
}
