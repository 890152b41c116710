import { lstat, realpath } from "node:fs/promises";
import { basename, dirname, join, sep } from "node:path";

/** A path with its links followed, as far as it exists. */
export interface Located {
  readonly real: string;
  /** `blocked`: something is there that leads nowhere. */
  readonly state: "there" | "missing" | "blocked";
}

/** Follows every link of an absolute path; what does not exist yet counts as it is written. */
export async function locate(path: string): Promise<Located> {
  const missing: string[] = [];
  for (let at = path; ; at = dirname(at)) {
    const real = await realpath(at).catch(() => undefined);
    if (real !== undefined) {
      return { real: join(real, ...missing), state: missing.length === 0 ? "there" : "missing" };
    }
    const exists = await lstat(at).then(
      () => true,
      () => false,
    );
    if (exists || at === dirname(at)) return { real: path, state: "blocked" };
    missing.unshift(basename(at));
  }
}

/** Whether an absolute path is a folder or lies in it. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}
