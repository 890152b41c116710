import type { FileHandle } from "node:fs/promises";
import { GatewayError, type PageQuery } from "@claudeway/ports";
import type { FileList } from "@claudeway/schemas";
import { namesOf } from "./file-path.js";
import type { FileOwner, SessionFiles } from "./session-files.js";
import type { TransferSlots } from "./transfer-slots.js";

/** A whole file. */
export interface FileContent {
  readonly content: Buffer;
  /** ISO 8601, UTC. */
  readonly modifiedAt: string;
}

/**
 * A file of a session's workdir, whole, or a page of a folder. `path` is percent-encoded. Throws PAYLOAD_TOO_LARGE for a file of
 * more than `maxBytes`, and what the files routes throw.
 */
export async function readFileContent(
  { files, slots }: { readonly files: SessionFiles; readonly slots: TransferSlots },
  session: FileOwner,
  path: string,
  { maxBytes, ...page }: PageQuery & { readonly maxBytes: number },
): Promise<FileList | FileContent> {
  const names = namesOf(path);
  const release = slots.take(session.keyId);
  try {
    const found = await files.open(session, names, page);
    if (!("handle" in found)) return found;
    const { handle, size, modifiedAt } = found;
    try {
      if (size > maxBytes)
        throw new GatewayError(
          "PAYLOAD_TOO_LARGE",
          `the file must have at most ${maxBytes} bytes, got ${size}`,
        );
      return { content: await readStart(handle, size), modifiedAt: modifiedAt.toISOString() };
    } finally {
      await handle.close();
    }
  } finally {
    release();
  }
}

/** As much as there was when the file was opened: it may grow without end. */
async function readStart(handle: FileHandle, size: number): Promise<Buffer> {
  const content = Buffer.alloc(size);
  let at = 0;
  while (at < size) {
    const { bytesRead } = await handle.read(content, { offset: at, length: size - at, position: at });
    if (bytesRead === 0) break;
    at += bytesRead;
  }
  return content.subarray(0, at);
}
