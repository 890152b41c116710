import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";

/** Returns why `replaceFile` would fail, in words that follow the name of the file, or undefined if it would succeed. */
export function whyNotWritable(path: string): string | undefined {
  const folder = dirname(path);
  if (!existsSync(folder)) return `directory not found: ${folder}`;
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return "must be a file, got a directory";
  try {
    accessSync(folder, constants.W_OK);
    return undefined;
  } catch {
    return `${folder} is not writable`;
  }
}

/**
 * Replaces the file atomically; it is readable by this user only. The previous file is kept as `<file>.old`.
 */
export function replaceFile(path: string, text: string): void {
  const made = `${path}.new-${process.pid}`;
  try {
    const file = openSync(made, "wx", 0o600);
    try {
      // A single write may be partial on a full disk, without an error.
      writeFileSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    if (existsSync(path)) {
      copyFileSync(path, `${path}.old`);
      chmodSync(`${path}.old`, 0o600);
    }
    renameSync(made, path);
  } catch (error) {
    rmSync(made, { force: true });
    throw error;
  }
}
