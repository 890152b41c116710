import { type FileHandle, mkdir, open, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { PluginScope } from "@claudeway/core";
import type { Spend } from "./response-memory.js";
import type { Shelf } from "./response-store.js";

/** How many responses are kept, and bytes of all of them; the oldest are removed first. */
const MAX_STORED = 10_000;
const MAX_STORED_BYTES = 8 * 1024 * 1024 * 1024;
const SWEEP_MS = 60 * 60 * 1000;

/** Files in a folder of the plugin: a chat may be larger than what the ledger keeps well. */
export class FolderShelf implements Shelf {
  constructor(
    private readonly folder: string,
    private readonly maxAgeMs: number,
    private readonly maxBytes = MAX_STORED_BYTES,
  ) {}

  async put(number: string, _owner: string, json: Buffer): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const path = this.#pathOf(number);
    await writeFile(`${path}.new`, json, { mode: 0o600 });
    await rename(`${path}.new`, path);
  }

  async take(number: string, owner: string, spend: Spend = () => undefined): Promise<Buffer | undefined> {
    return this.#withFile(number, owner, async (file, size) => {
      spend(size);
      const json = Buffer.alloc(size);
      await file.read(json, 0, size, 0);
      return json;
    });
  }

  async remove(number: string, owner: string): Promise<boolean> {
    const isOwn = await this.#withFile(number, owner, async () => true);
    if (isOwn === true) await rm(this.#pathOf(number), { force: true });
    return isOwn === true;
  }

  /** Undefined for an unknown number, or one of another owner. */
  async #withFile<T>(
    number: string,
    owner: string,
    use: (file: FileHandle, size: number) => Promise<T>,
  ): Promise<T | undefined> {
    const file = await open(this.#pathOf(number)).catch((error: unknown) => {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
      throw error;
    });
    try {
      if (file === undefined) return undefined;
      const beginning = Buffer.alloc(Buffer.byteLength(owner));
      await file.read(beginning, 0, beginning.length, 0);
      return beginning.equals(Buffer.from(owner)) ? await use(file, (await file.stat()).size) : undefined;
    } finally {
      await file?.close();
    }
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
    const found: { path: string; at: number; size: number }[] = [];
    for (const name of await readdir(this.folder).catch(() => [])) {
      const path = join(this.folder, name);
      // It may have been removed or renamed since.
      const status = await stat(path).catch(() => undefined);
      if (status !== undefined) found.push({ path, at: status.mtimeMs, size: status.size });
    }
    found.sort((one, other) => other.at - one.at);
    const oldest = Date.now() - this.maxAgeMs;
    let bytes = 0;
    for (const [index, { path, at, size }] of found.entries()) {
      bytes += size;
      if (at < oldest || index >= MAX_STORED || bytes > this.maxBytes) await rm(path, { force: true });
    }
  }

  #pathOf(number: string): string {
    return join(this.folder, `${number}.json`);
  }
}
