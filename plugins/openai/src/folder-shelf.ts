import { mkdir, open, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { PluginScope } from "@claudeway/core";
import type { Spend } from "./response-memory.js";
import type { Shelf } from "./response-store.js";

/** How many responses are kept; the oldest are removed first. */
const MAX_STORED = 10_000;
const SWEEP_MS = 60 * 60 * 1000;

/** Files in a folder of the plugin: a chat may be larger than what the ledger keeps well. */
export class FolderShelf implements Shelf {
  constructor(
    private readonly folder: string,
    private readonly maxAgeMs: number,
  ) {}

  async put(number: string, json: Buffer): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const path = this.#pathOf(number);
    await writeFile(`${path}.new`, json, { mode: 0o600 });
    await rename(`${path}.new`, path);
  }

  async take(number: string, spend: Spend = () => undefined): Promise<Buffer | undefined> {
    const file = await open(this.#pathOf(number)).catch((error: unknown) => {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
      throw error;
    });
    try {
      if (file !== undefined) spend((await file.stat()).size);
      return await file?.readFile();
    } finally {
      await file?.close();
    }
  }

  async remove(number: string): Promise<void> {
    await rm(this.#pathOf(number), { force: true });
  }

  /** Removes old ones now, and then every hour until the plugin is switched off. */
  sweep({ log, onDispose }: Pick<PluginScope, "log" | "onDispose">): void {
    const removeOld = () => {
      this.#removeOld().catch((error: unknown) =>
        log.warn({ err: error }, "old responses could not be removed"),
      );
    };
    removeOld();
    const timer = setInterval(removeOld, SWEEP_MS);
    onDispose(() => clearInterval(timer));
  }

  async #removeOld(): Promise<void> {
    const found: { path: string; at: number }[] = [];
    for (const name of await readdir(this.folder).catch(() => [])) {
      const path = join(this.folder, name);
      // It may have been removed or renamed since.
      const status = await stat(path).catch(() => undefined);
      if (status !== undefined) found.push({ path, at: status.mtimeMs });
    }
    found.sort((one, other) => one.at - other.at);
    const oldest = Date.now() - this.maxAgeMs;
    const old = found.filter(({ at }, index) => at < oldest || index < found.length - MAX_STORED);
    for (const { path } of old) await rm(path, { force: true });
  }

  #pathOf(number: string): string {
    return join(this.folder, `${number}.json`);
  }
}
