import { mkdir, realpath, rm, stat } from "node:fs/promises";
import { basename, isAbsolute, join, resolve, sep } from "node:path";
import { GatewayError } from "./errors.js";

/** The folders that Claude works in: the base folder, those that callers name, and one for each session that names none. */
export class Workdirs {
  constructor(private readonly base: string) {}

  /** The base folder itself, made if need be. */
  async ofTask(named: string | undefined): Promise<string> {
    if (named !== undefined) return this.#existing(named);
    await mkdir(this.base, { recursive: true, mode: 0o700 });
    return this.base;
  }

  /** A session's folder: the named one, or one of its own below the base folder. */
  async ofSession(
    id: string,
    named: string | undefined,
  ): Promise<{ readonly path: string; readonly made: boolean }> {
    if (named !== undefined) return { path: await this.#existing(named), made: false };
    const path = join(this.base, id);
    await mkdir(path, { recursive: true, mode: 0o700 });
    return { path, made: true };
  }

  /**
   * Removes the folder that `ofSession` made, also below a base folder that was configured before. A link in its place
   * goes, never what it leads to.
   */
  async remove(id: string, path: string): Promise<void> {
    if (basename(path) !== id) throw new Error(`${path} is no folder that the gateway made`);
    // The session's last process may still be on its way out, and write.
    await rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }

  /** A folder that the caller names: absolute, or below the base folder, with no way out of it. */
  async #existing(named: string): Promise<string> {
    const path = resolve(this.base, named);
    const real = await realpath(path).catch(() => undefined);
    const isFolder = real !== undefined && (await stat(real)).isDirectory();
    if (real === undefined || !isFolder) {
      throw new GatewayError(
        "BAD_REQUEST",
        `workdir: is ${JSON.stringify(named)}; it takes an existing folder`,
      );
    }
    const base = await realpath(this.base).catch(() => this.base);
    if (!isAbsolute(named) && !isWithin(real, base)) {
      throw new GatewayError(
        "BAD_REQUEST",
        `workdir: is ${JSON.stringify(named)}; a relative path stays in the base folder`,
      );
    }
    return real;
  }
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder + sep);
}
