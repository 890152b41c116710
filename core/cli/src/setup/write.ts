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

/** Why `replaceFile` could not do its work there, in words that fit after the file's name; undefined: it could. */
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
 * Puts the text in the place of the file, readable for this user alone, all of it or nothing. One that was there is kept
 * beside it as `<file>.old`.
 */
export function replaceFile(path: string, text: string): void {
  const made = `${path}.new-${process.pid}`;
  try {
    const file = openSync(made, "wx", 0o600);
    try {
      // Of a single write, a full disk may take a part and say nothing.
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
