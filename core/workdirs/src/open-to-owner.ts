import { constants } from "node:fs";
import { chmod, lstat, open, readdir } from "node:fs/promises";
import { join } from "node:path";

const { O_DIRECTORY, O_NOFOLLOW } = constants;
/** Of Linux: opens what may not be read, to change its mode through `OPEN_FILES`. */
const O_PATH = 0o10000000;
const OPEN_FILES = "/proc/self/fd";

/** Lets this user change a folder and all folders in it, which a tool may have closed. Links are not followed. */
export async function openToOwner(path: string): Promise<void> {
  await openOne(path);
  for (const entry of await readdir(path, { withFileTypes: true }))
    if (entry.isDirectory()) await openToOwner(join(path, entry.name));
}

async function openOne(path: string): Promise<void> {
  if (process.platform !== "linux") {
    if ((await lstat(path)).isDirectory()) await chmod(path, 0o700);
    return;
  }
  const folder = await open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW);
  try {
    await chmod(`${OPEN_FILES}/${folder.fd}`, 0o700);
  } finally {
    await folder.close();
  }
}
