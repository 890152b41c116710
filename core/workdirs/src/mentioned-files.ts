import { GatewayError, type MentionedFile } from "@claudeway/ports";
import {
  type AttachmentRoom,
  type InnerFile,
  MAX_ATTACHED_BYTES,
  mediaBlock,
  readInside,
} from "./attached-files.js";

/** How many mentions of a prompt are looked at; further ones stay text. */
const MAX_MENTIONS = 100;
/** How many files are attached. */
const MAX_FILES = 20;
/** Characters of a text file that are attached. */
const MAX_TEXT = 256 * 1024;
/** What may follow a mention in a sentence. */
const PUNCTUATION = new Set(".,;:!?)]}'`");
/** A file with a NUL in its first bytes is not text. */
const SNIFFED_BYTES = 8192;

/** A part of a prompt such as `@notes.txt`, `@"my notes.txt"` or `@notes.txt#L10-20`. */
export interface Mention {
  readonly path: string;
  /** From 1. */
  readonly lines?: { readonly from: number; readonly to: number };
}

/** The mentions in a text, in order and each once. */
export function mentionsIn(text: string): Mention[] {
  const found = new Map<string, Mention>();
  for (const [, quoted, plain = ""] of text.matchAll(/(?<!\S)@(?:"([^"\n]{1,4096})"|([^\s"]{1,4096}))/gu)) {
    const name = quoted ?? plain;
    if (found.size < MAX_MENTIONS && !found.has(name)) found.set(name, mentionOf(name));
  }
  return [...found.values()];
}

function mentionOf(name: string): Mention {
  const [, path, from, to] = /^(.+?)#L(\d{1,9})(?:-L?(\d{1,9}))?$/su.exec(name) ?? [];
  if (path === undefined) return { path: name };
  return { path, lines: { from: Number(from), to: Number(to ?? from) } };
}

/**
 * The files in the workdir that a prompt mentions, for the model. What is no regular file there, belongs to another
 * session, is too large, or is neither text nor an image nor a PDF document stays a part of the text.
 *
 * @param mayRead whether a file, by its absolute path with every link followed, may be read unasked
 */
export async function mentionedFiles(
  prompt: string,
  room: AttachmentRoom,
  mayRead: (path: string) => Promise<boolean>,
): Promise<MentionedFile[]> {
  const files: MentionedFile[] = [];
  let left = MAX_ATTACHED_BYTES;
  for (const mention of mentionsIn(prompt)) {
    if (files.length === MAX_FILES) break;
    const file = await inWorkdir(mention.path, room);
    if (file === undefined || file.bytes.length > left || !(await mayRead(file.real))) continue;
    left -= file.bytes.length;
    const blocks = blocksOf(mention, file);
    if (blocks !== undefined) files.push({ path: file.real, blocks });
  }
  return files;
}

/** Also without the punctuation that may follow a mention in a sentence. */
async function inWorkdir(path: string, room: AttachmentRoom): Promise<InnerFile | undefined> {
  let end = path.length;
  while (PUNCTUATION.has(path.charAt(end - 1))) end--;
  const bare = path.slice(0, end);
  for (const name of new Set([path, bare])) {
    if (name === "") continue;
    const file = await readInside(name, room).catch((error: unknown) => {
      if (error instanceof GatewayError) return undefined;
      throw error;
    });
    if (file !== undefined) return file;
  }
  return undefined;
}

function blocksOf({ path, lines }: Mention, { bytes }: InnerFile): MentionedFile["blocks"] | undefined {
  const name = JSON.stringify(path);
  const media = mediaBlock(bytes);
  if (media !== undefined)
    return [{ type: "text", text: `The file ${name}, which the prompt mentions:` }, media];
  if (bytes.subarray(0, SNIFFED_BYTES).includes(0)) return undefined;
  const whole = bytes.toString("utf8");
  const text = lines === undefined ? whole : linesOf(whole, lines);
  const note = text.length > MAX_TEXT ? ` (the first ${MAX_TEXT} of ${text.length} characters)` : "";
  const range = lines === undefined ? "" : `, lines ${lines.from} to ${lines.to}`;
  return [
    {
      type: "text",
      text: `The file ${name}${range}, which the prompt mentions${note}:\n\n${text.slice(0, MAX_TEXT)}`,
    },
  ];
}

function linesOf(text: string, { from, to }: { readonly from: number; readonly to: number }): string {
  return text
    .split("\n")
    .slice(Math.max(from - 1, 0), to)
    .join("\n");
}
