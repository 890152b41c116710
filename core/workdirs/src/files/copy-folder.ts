import { isAbsolute, join } from "node:path";
import { GatewayError } from "@claudeway/ports";
import { isWithin } from "../located.js";
import { codeOf, Folder } from "./folder.js";
import { isUploadName } from "./session-files.js";

/** What a copy may hold, beside its bytes. */
const MAX_ENTRIES = 200_000;
const MAX_DEPTH = 100;

interface Copying {
  /** Absolute paths of both folders, with every link followed. */
  readonly from: string;
  readonly to: string;
  readonly maxBytes: number;
  bytes: number;
  entries: number;
}

/**
 * Copies all in a folder into an empty one. Links are copied, never followed; those that lead into the folder by an
 * absolute path lead into the copy. Pipes, sockets and devices are left out. Throws PAYLOAD_TOO_LARGE.
 */
export async function copyFolder(from: string, to: string, maxBytes: number): Promise<void> {
  const source = await Folder.open(from);
  try {
    const target = await Folder.open(to);
    try {
      const paths = { from: await source.realPath(), to: await target.realPath() };
      await copyInto(source, target, { ...paths, maxBytes, bytes: 0, entries: 0 }, 0);
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

async function copyInto(source: Folder, target: Folder, copying: Copying, depth: number): Promise<void> {
  if (depth > MAX_DEPTH) throw tooLarge(`more than ${MAX_DEPTH} folders in each other`);
  for await (const { name } of await source.list()) {
    copying.entries++;
    if (copying.entries > MAX_ENTRIES) throw tooLarge(`more than ${MAX_ENTRIES} files`);
    if (isUploadName(name)) continue;
    try {
      await copyEntry(source, target, name, copying, depth);
    } catch (error) {
      // It has gone, or something else was put in its place, while it was copied.
      if (!["ENOENT", "ENOTDIR", "ELOOP", "EINVAL"].includes(codeOf(error))) throw error;
    }
  }
}

async function copyEntry(
  source: Folder,
  target: Folder,
  name: string,
  copying: Copying,
  depth: number,
): Promise<void> {
  const found = await source.stat(name);
  if (found.isSymbolicLink()) await target.link(name, redirected(await source.readLink(name), copying));
  else if (found.isFile()) await copyFile(source, target, name, copying);
  else if (found.isDirectory()) {
    const inner = await source.folder(name);
    try {
      await target.make(name);
      const copy = await target.folder(name);
      try {
        await copyInto(inner, copy, copying, depth + 1);
        await copy.setMode(found.mode & 0o777);
      } finally {
        await copy.close();
      }
    } finally {
      await inner.close();
    }
  }
}

async function copyFile(source: Folder, target: Folder, name: string, copying: Copying): Promise<void> {
  const file = await source.file(name);
  try {
    const stat = await file.stat();
    if (!stat.isFile()) return;
    copying.bytes += stat.size;
    if (copying.bytes > copying.maxBytes) throw tooLarge(`more than ${copying.maxBytes} bytes`);
    await target.copy(file, name);
  } finally {
    await file.close();
  }
}

function redirected(target: string, { from, to }: Copying): string {
  return isAbsolute(target) && isWithin(target, from) ? join(to, target.slice(from.length)) : target;
}

function tooLarge(what: string): GatewayError {
  return new GatewayError("PAYLOAD_TOO_LARGE", `the workdir is too large to be copied: it has ${what}`);
}
