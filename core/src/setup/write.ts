import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";

/**
 * Puts the text in the place of the file, readable for this user alone, all of it or nothing. One that was there is kept
 * beside it as `<file>.old`.
 */
export function replaceFile(path: string, text: string): void {
  const made = `${path}.new-${process.pid}`;
  try {
    const file = openSync(made, "wx", 0o600);
    try {
      writeSync(file, text);
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
