import { mkdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { openTranscriptFolder } from "./transcript-files.js";
import type { TranscriptPlace } from "./transcript-parts.js";

/**
 * Has a transcript written in its place: `write` gets a path to it through the open folder. Rejects if the place is outside of
 * the CLI's folder, where a link may lead.
 */
export async function placeTranscript(
  { path, env }: TranscriptPlace,
  write: (path: string) => Promise<void>,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const folder = await openTranscriptFolder(dirname(path), env);
  if (folder === undefined) throw new Error(`${dirname(path)} is not in the CLI's configuration folder`);
  try {
    const within = process.platform === "linux" ? `/proc/self/fd/${folder.fd}` : dirname(path);
    await write(join(within, basename(path)));
  } finally {
    await folder.close();
  }
}
