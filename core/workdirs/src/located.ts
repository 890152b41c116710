import { lstat, realpath } from "node:fs/promises";
import { basename, dirname, join, sep } from "node:path";

/** A path with its links followed, as far as it exists. */
export interface Located {
  readonly real: string;
  /** `blocked`: the path contains something that cannot be followed. */
  readonly state: "there" | "missing" | "blocked";
}

/** Resolves every link of an absolute path; parts that do not exist yet are kept unchanged. */
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

/** Whether an absolute path is the folder or inside it. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}
