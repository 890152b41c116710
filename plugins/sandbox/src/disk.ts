import { Refusal, type TurnInfo } from "@claudeway/core";
import { folderBytes } from "./folder-size.js";
import { deletedBytes, foldersOfSandbox, killSandbox, sandboxesOf, treeOf } from "./processes.js";

/** How often folders are measured, in ms; longer where measuring takes long, so that it takes this part of the time. */
const INTERVAL_MS = 1000;
const PART = 0.1;
/** A sandbox that goes on this long after its turn was ended is killed, in ms. */
const GRACE_MS = 4000;
const MIB = 1024 * 1024;

export interface DiskWatchParts {
  readonly bwrap: string;
  /** What each folder may hold, in MiB; 0: no limit. */
  readonly maxMib: number;
  /** Ends a running turn: its caller gets the refusal. False: it has ended. */
  readonly end: (turnId: string, refusal: Refusal) => boolean;
  readonly log: { warn(fields: object, message: string): void };
}

/** A turn that was started in a sandbox. */
interface StartedTurn {
  readonly id: string;
  readonly folders: readonly string[];
}

/**
 * Ends turns whose folders hold too much: the kernel limits single files only, and quotas of file systems need an
 * administrator. Between two measurements, a sandbox can write more.
 */
export class DiskWatch {
  readonly #started = new Map<string, StartedTurn>();
  /** Folders that held too much when they were measured last. */
  readonly #full = new Set<string>();
  /** Sandboxes over their limit, and since when. */
  readonly #over = new Map<number, number>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(private readonly parts: DiskWatchParts) {
    if (parts.maxMib > 0) this.#schedule(INTERVAL_MS);
  }

  /** A turn begins to run in a sandbox with these folders. */
  began({ id }: Pick<TurnInfo, "id">, folders: readonly string[]): void {
    if (this.parts.maxMib > 0) this.#started.set(id, { id, folders });
  }

  ended({ id }: Pick<TurnInfo, "id">): void {
    this.#started.delete(id);
  }

  /** Rejects with a Refusal if one of the folders holds too much still. */
  async check(folders: readonly string[]): Promise<void> {
    for (const folder of folders) {
      if (this.#full.has(folder) && (await this.#isFull(folder, 0))) throw this.#refusal(folder);
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #schedule(ms: number): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => void this.#measure(), ms);
    this.#timer.unref();
  }

  async #measure(): Promise<void> {
    const began = performance.now();
    try {
      const sandboxes = sandboxesOf(this.parts.bwrap);
      for (const pid of [...this.#over.keys()]) if (!sandboxes.includes(pid)) this.#over.delete(pid);
      for (const pid of sandboxes) await this.#measureOne(pid);
    } catch (error) {
      this.parts.log.warn({ err: error }, "folders of sandboxes could not be measured");
    }
    this.#schedule(Math.max(INTERVAL_MS, (performance.now() - began) / PART));
  }

  async #measureOne(pid: number): Promise<void> {
    const folders = foldersOfSandbox(pid);
    const kept = deletedBytes(treeOf(pid), folders);
    for (const folder of folders) {
      if (!(await this.#isFull(folder, kept))) continue;
      this.#end(pid, folder);
      return;
    }
    this.#over.delete(pid);
  }

  async #isFull(folder: string, kept: number): Promise<boolean> {
    const max = this.parts.maxMib * MIB;
    const isFull = kept + (await folderBytes(folder, max)) > max;
    if (isFull) this.#full.add(folder);
    else this.#full.delete(folder);
    return isFull;
  }

  #end(pid: number, folder: string): void {
    const since = this.#over.get(pid);
    if (since !== undefined) {
      if (performance.now() - since > GRACE_MS) killSandbox(pid);
      return;
    }
    this.#over.set(pid, performance.now());
    this.parts.log.warn({ pid, folder }, "a folder of a sandbox exceeds disk_mb; its turns are ended");
    const turns = [...this.#started.values()].filter(({ folders }) => folders.includes(folder));
    const ended = turns.filter(({ id }) => this.parts.end(id, this.#refusal(folder)));
    // What runs in the background has no turn to end.
    if (ended.length === 0) killSandbox(pid);
  }

  #refusal(folder: string): Refusal {
    const { maxMib } = this.parts;
    return new Refusal(
      413,
      `the folder ${JSON.stringify(folder)} must hold at most ${maxMib} MiB; delete files in it`,
      {
        code: "DISK_QUOTA_EXCEEDED",
        details: { limit_mb: maxMib },
      },
    );
  }
}
