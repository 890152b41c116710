import { constants } from "node:fs";
import { type FileHandle, open, readlink, realpath } from "node:fs/promises";
import { resolve } from "node:path";
import { GatewayError } from "@claudeway/ports";
import type { ContentBlock } from "@claudeway/schemas";
import { isWithin, locate } from "./located.js";
import type { Workdirs } from "./workdirs.js";

/** Bytes of one attached file. */
export const MAX_FILE_BYTES = 10 * 1024 * 1024;
/** Bytes of all files that a prompt attaches. */
export const MAX_ATTACHED_BYTES = 32 * 1024 * 1024;

type Attachment = Exclude<ContentBlock, { readonly type: "text" }>;
type ImageType = "image/png" | "image/jpeg" | "image/gif" | "image/webp";

/** Where files may be attached from. */
export interface AttachmentRoom {
  readonly workdir: string;
  readonly sessionId: string;
  readonly workdirs: Pick<Workdirs, "ownerOf">;
}

/**
 * The blocks with the content of their files. Throws BAD_REQUEST for a file that is not inside the workdir once every
 * link is followed, that belongs to another session, or that is too large or of another kind.
 */
export async function withFiles(
  content: readonly ContentBlock[] | undefined,
  room: AttachmentRoom,
): Promise<readonly ContentBlock[] | undefined> {
  if (content === undefined) return undefined;
  const blocks: ContentBlock[] = [];
  let left = MAX_ATTACHED_BYTES;
  for (const block of content) {
    if (block.type === "text" || block.type === "tool_result" || block.source.type !== "file") {
      blocks.push(block);
      continue;
    }
    const { path } = block.source;
    const { bytes } = await readInside(path, room);
    left -= bytes.length;
    if (left < 0) throw refusal(path, `leave the prompt's files at ${MAX_ATTACHED_BYTES} bytes in all`);
    blocks.push(attached(block.type, path, bytes));
  }
  return blocks;
}

/** A file in the workdir. */
export interface InnerFile {
  /** Absolute, with every link followed. */
  readonly real: string;
  readonly bytes: Buffer;
}

/** Reads a file that is inside the workdir once every link is followed. Throws BAD_REQUEST as `withFiles` does. */
export async function readInside(
  path: string,
  { workdir, sessionId, workdirs }: AttachmentRoom,
): Promise<InnerFile> {
  const root = await realpath(workdir);
  const { real, state } = await locate(resolve(root, path));
  const isInside = real !== root && isWithin(real, root);
  const owner = isInside ? await workdirs.ownerOf(real) : undefined;
  if (owner !== undefined && owner !== sessionId) throw refusal(path, "not belong to another session");
  if (!isInside || state !== "there") throw refusal(path, "be a file inside the workdir");
  // NONBLOCK: opening a pipe would wait for its writer.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(real, flags).catch(() => undefined);
  if (file === undefined) throw refusal(path, "be a readable file inside the workdir");
  try {
    return { real, bytes: await readChecked(file, path, real) };
  } finally {
    await file.close();
  }
}

async function readChecked(file: FileHandle, path: string, real: string): Promise<Buffer> {
  const { size } = await file.stat().then((found) => {
    if (!found.isFile()) throw refusal(path, "be a regular file");
    return found;
  });
  // A folder on the way may have been replaced by a link since it was looked at.
  if ((await openedPath(file, real)) !== real) throw refusal(path, "be a file inside the workdir");
  if (size > MAX_FILE_BYTES) throw refusal(path, `have at most ${MAX_FILE_BYTES} bytes`);
  const buffer = Buffer.alloc(size);
  const { bytesRead } = await file.read(buffer, 0, size, 0);
  return buffer.subarray(0, bytesRead);
}

/** The path of an open file; without /proc, the path that its name leads to now. */
function openedPath({ fd }: FileHandle, real: string): Promise<string> {
  return readlink(`/proc/self/fd/${fd}`).catch(() => realpath(real));
}

/** The block for an image or a PDF document; undefined for any other file. */
export function mediaBlock(bytes: Buffer): ContentBlock | undefined {
  const data = bytes.toString("base64");
  if (isPdf(bytes))
    return { type: "document", source: { type: "base64", media_type: "application/pdf", data } };
  const media_type = imageType(bytes);
  return media_type && { type: "image", source: { type: "base64", media_type, data } };
}

function attached(type: Attachment["type"], path: string, bytes: Buffer): ContentBlock {
  const block = mediaBlock(bytes);
  if (block?.type === type) return block;
  throw refusal(path, type === "document" ? "be a PDF document" : "be a PNG, JPEG, GIF or WebP image");
}

function isPdf(bytes: Buffer): boolean {
  return bytes.subarray(0, 5).equals(Buffer.from("%PDF-"));
}

function imageType(bytes: Buffer): ImageType | undefined {
  const head = bytes.toString("latin1", 0, 12);
  if (head.startsWith("\x89PNG\r\n\x1a\n")) return "image/png";
  if (head.startsWith("\xff\xd8\xff")) return "image/jpeg";
  if (head.startsWith("GIF87a") || head.startsWith("GIF89a")) return "image/gif";
  return head.startsWith("RIFF") && head.endsWith("WEBP") ? "image/webp" : undefined;
}

function refusal(path: string, must: string): GatewayError {
  return new GatewayError("BAD_REQUEST", `prompt: the file ${JSON.stringify(path)} must ${must}`);
}
