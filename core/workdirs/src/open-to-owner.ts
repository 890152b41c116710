import { constants } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;

/** Lets this user change a folder and all folders in it, which a tool may have made read-only. Links are not followed. */
export async function openToOwner(path: string): Promise<void> {
  const folder = await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    await folder.chmod(0o700);
  } finally {
    await folder.close();
  }
  for (const entry of await readdir(path, { withFileTypes: true }))
    if (entry.isDirectory()) await openToOwner(join(path, entry.name));
}
