import { randomUUID } from "node:crypto";
import { appendFile, rename, rm, writeFile } from "node:fs/promises";
import type { StoredPart } from "@claudeway/ports";
import { placeTranscript } from "./place-transcript.js";
import { writeWhole } from "./transcript-note.js";
import { isSubpath, keyOf, metadataIn, placeOf, type TranscriptPlace } from "./transcript-parts.js";

export interface LaidOut {
  /** The number of the last part. */
  readonly seq: number;
  readonly entries: number;
  /** The entries of the conversation itself, by `keyOf`. */
  readonly keys: ReadonlySet<string>;
}

/**
 * Writes the files of a conversation where its CLI looks for them, those of subagents first: as long as the conversation's own
 * is not there, none of it is. Rejects if a place is outside of the CLI's folder.
 */
export async function layOut(parts: AsyncIterable<StoredPart>, place: TranscriptPlace): Promise<LaidOut> {
  const keys = new Set<string>();
  /** By subpath, the places of what is written. */
  const written = new Map<string, TranscriptPlace>();
  const metadata = new Map<string, string>();
  const suffix = `.${randomUUID()}.part`;
  let [seq, entries] = [0, 0];
  try {
    for await (const part of parts) {
      const { subpath } = part;
      if (subpath !== "" && !isSubpath(subpath)) continue;
      const lines: string[] = [];
      for (const line of part.lines) {
        const about = metadataIn(line);
        if (about !== undefined && subpath !== "") metadata.set(subpath, about);
        else lines.push(line);
        if (subpath === "") keys.add(keyOf(line));
      }
      const at = placeOf(place, subpath, `.jsonl${suffix}`);
      if (lines.length > 0 || subpath === "") {
        written.set(subpath, at);
        await placeTranscript(at, (path) => appendFile(path, withBreaks(lines), { mode: 0o600 }));
      }
      entries += part.lines.length;
      seq = part.seq;
    }
    for (const [subpath, about] of metadata)
      await writeWhole(placeOf(place, subpath, ".meta.json"), (path) =>
        writeFile(path, about, { mode: 0o600 }),
      );
    const last = written.get("");
    for (const at of [...written.values()].filter((other) => other !== last)) await complete(at, suffix);
    if (last !== undefined) await complete(last, suffix);
    return { seq, entries, keys };
  } catch (error) {
    for (const { path } of written.values()) await rm(path, { force: true });
    throw error;
  }
}

async function complete(at: TranscriptPlace, suffix: string): Promise<void> {
  await placeTranscript(at, (path) => rename(path, path.slice(0, -suffix.length)));
}

function withBreaks(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}
