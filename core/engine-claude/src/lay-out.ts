import { randomUUID } from "node:crypto";
import { appendFile, rename, rm, writeFile } from "node:fs/promises";
import type { StoredPart } from "@claudeway/ports";
import { placeTranscript } from "./place-transcript.js";
import { writeWhole } from "./transcript-note.js";
import { isSubpath, metadataIn, placeOf, type TranscriptPlace } from "./transcript-parts.js";

/** What is written at once, in characters. */
const BATCH_CHARS = 4 * 1024 * 1024;

export interface LaidOut {
  /** The number of the last part; 0 if nothing was stored. */
  readonly seq: number;
  readonly entries: number;
}

/**
 * Writes the files of a conversation where its CLI looks for them. Those of subagents get their names first: without its own
 * file, the CLI does not find a conversation. Rejects if a place is outside of the CLI's folder.
 */
export async function layOut(parts: AsyncIterable<StoredPart>, place: TranscriptPlace): Promise<LaidOut> {
  const files = new LaidOutFiles(place);
  let [seq, entries] = [0, 0];
  try {
    for await (const part of parts) {
      if (part.subpath === "" || isSubpath(part.subpath)) await files.add(part);
      entries += part.lines.length;
      seq = part.seq;
    }
    await files.complete();
    return { seq, entries };
  } catch (error) {
    await files.remove();
    throw error;
  }
}

/** Files that get their names when all of them are complete. */
class LaidOutFiles {
  /** By subpath: what was written already. */
  readonly #begun = new Map<string, TranscriptPlace>();
  /** By subpath: what is still to be written. */
  readonly #lines = new Map<string, string[]>();
  #chars = 0;
  readonly #metadata = new Map<string, string>();
  readonly #suffix = `.${randomUUID()}.part`;

  constructor(private readonly place: TranscriptPlace) {}

  async add({ subpath, lines }: StoredPart): Promise<void> {
    const waiting = this.#lines.get(subpath) ?? [];
    this.#lines.set(subpath, waiting);
    for (const line of lines) {
      const metadata = subpath === "" ? undefined : metadataIn(line);
      if (metadata !== undefined) this.#metadata.set(subpath, metadata);
      else waiting.push(line);
      this.#chars += line.length;
    }
    if (this.#chars > BATCH_CHARS) await this.#write();
  }

  async complete(): Promise<void> {
    await this.#write();
    for (const [subpath, metadata] of this.#metadata)
      await writeWhole(placeOf(this.place, subpath, ".meta.json"), (path) =>
        writeFile(path, metadata, { mode: 0o600 }),
      );
    const own = this.#begun.get("");
    for (const at of [...this.#begun.values()].filter((other) => other !== own)) await this.#name(at);
    if (own !== undefined) await this.#name(own);
  }

  async remove(): Promise<void> {
    for (const { path } of this.#begun.values()) await rm(path, { force: true });
  }

  async #write(): Promise<void> {
    for (const [subpath, lines] of this.#lines) {
      if (lines.length === 0) continue;
      const at = placeOf(this.place, subpath, `.jsonl${this.#suffix}`);
      this.#begun.set(subpath, at);
      const text = lines.map((line) => `${line}\n`).join("");
      await placeTranscript(at, (path) => appendFile(path, text, { mode: 0o600 }));
    }
    this.#lines.clear();
    this.#chars = 0;
  }

  async #name(at: TranscriptPlace): Promise<void> {
    await placeTranscript(at, (path) => rename(path, path.slice(0, -this.#suffix.length)));
  }
}
