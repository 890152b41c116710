import { Refusal, type TurnInfo } from "@claudeway/core";
import type { FolderSize } from "./folder-size.js";
import { FolderSizes } from "./folder-sizes.js";
import { deletedFiles, foldersOfSandbox, killSandbox, sandboxesOf, treeOf } from "./processes.js";

/** How often folders are measured, in ms; longer where measuring takes long, so that it takes this part of the time. */
const INTERVAL_MS = 1000;
const PART = 0.1;
/** How long one folder is measured before the next one's turn, in ms. */
const SLICE_MS = 250;
/** A sandbox that can't be measured is ended after as many tries. */
const MAX_TRIES = 5;
/** A sandbox that goes on this long after its turn was ended is killed, in ms. */
const GRACE_MS = 4000;
const MIB = 1024 * 1024;

export interface DiskWatchParts {
  /** A folder of the gateway's own, which other instances of the plugin have too: they share what they know. */
  readonly gateway: string;
  readonly bwrap: string;
  /** What each folder may hold, in MiB; 0: no limit. */
  readonly maxMib: number;
  /** Ends a running turn: its caller gets the refusal. False: it has ended. */
  readonly end: (turnId: string, refusal: Refusal) => boolean;
  readonly log: { warn(fields: object, message: string): void };
  /** Replaced in tests, in ms. */
  readonly intervalMs?: number;
  readonly sliceMs?: number;
}

/** What is known of a gateway's sandboxes: the plugin starts again when its section is reloaded, while turns run. */
class Known {
  static readonly #shared = new Map<string, Known>();
  /** The folders of turns that were started in sandboxes, by the turns' ids. */
  readonly started = new Map<string, readonly string[]>();
  /** Folders that held too much when they were measured last. */
  readonly full = new Set<string>();
  /** Sandboxes over their limit, and since when. */
  readonly over = new Map<number, number>();
  readonly #watches = new Set<DiskWatch>();

  private constructor(private readonly gateway: string) {}

  static join(gateway: string, watch: DiskWatch): Known {
    const known = Known.#shared.get(gateway) ?? new Known(gateway);
    Known.#shared.set(gateway, known);
    known.#watches.add(watch);
    return known;
  }

  /** The last one to leave takes all that is known along. */
  leave(watch: DiskWatch): void {
    if (this.#watches.delete(watch) && this.#watches.size === 0) Known.#shared.delete(this.gateway);
  }
}

/**
 * Ends turns whose folders hold too much: the kernel limits single files only, and quotas of file systems need an
 * administrator. Between two measurements, a sandbox can write more.
 */
export class DiskWatch {
  readonly #known: Known;
  /** Sandboxes that could not be measured, and how often in a row. */
  readonly #tries = new Map<number, number>();
  readonly #sizes: FolderSizes;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(private readonly parts: DiskWatchParts) {
    this.#known = Known.join(parts.gateway, this);
    this.#sizes = new FolderSizes(parts.maxMib * MIB, parts.sliceMs ?? SLICE_MS);
    if (parts.maxMib > 0) this.#schedule(this.#intervalMs);
  }

  /** A turn begins to run in a sandbox with these folders. Without a limit, there may be one before it ends. */
  began({ id }: Pick<TurnInfo, "id">, folders: readonly string[]): void {
    this.#known.started.set(id, folders);
  }

  ended({ id }: Pick<TurnInfo, "id">): void {
    this.#known.started.delete(id);
  }

  /** Rejects with a Refusal if one of the folders holds too much still. */
  async check(folders: readonly string[]): Promise<void> {
    // What was full under an earlier section is known still.
    if (this.parts.maxMib === 0) return;
    for (const folder of folders.filter((one) => this.#known.full.has(one))) {
      const size = await this.#sizes.now(folder);
      if (this.#isFull(folder, size, 0)) throw this.#refusal(folder, size.problem);
    }
  }

  close(): void {
    this.#closed = true;
    this.#known.leave(this);
    clearTimeout(this.#timer);
    this.#sizes.close();
  }

  get #intervalMs(): number {
    return this.parts.intervalMs ?? INTERVAL_MS;
  }

  #schedule(ms: number): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => void this.#measure(), ms);
    this.#timer.unref();
  }

  async #measure(): Promise<void> {
    const began = performance.now();
    try {
      const sandboxes = new Map(sandboxesOf(this.parts.bwrap).map((pid) => [pid, foldersOfSandbox(pid)]));
      for (const known of [this.#known.over, this.#tries])
        for (const pid of [...known.keys()]) if (!sandboxes.has(pid)) known.delete(pid);
      this.#sizes.begin(new Set([...sandboxes.values()].flat()));
      for (const [pid, folders] of sandboxes) await this.#tryOne(pid, folders);
    } catch (error) {
      this.parts.log.warn({ err: error }, "sandboxes could not be listed");
    }
    const took = performance.now() - began;
    // What is measured in part goes on soon, with as much time for the gateway's other work.
    this.#schedule(this.#sizes.isUnfinished ? took : Math.max(this.#intervalMs, took / PART));
  }

  /** One that can't be measured must not keep others from it. */
  async #tryOne(pid: number, folders: readonly string[]): Promise<void> {
    try {
      await this.#measureOne(pid, folders);
      this.#tries.delete(pid);
    } catch (error) {
      const tries = (this.#tries.get(pid) ?? 0) + 1;
      this.#tries.set(pid, tries);
      this.parts.log.warn({ err: error, pid, tries }, "folders of a sandbox could not be measured");
      if (tries >= MAX_TRIES) this.#end(pid, folders[0] ?? "", "an error of the file system");
    }
  }

  async #measureOne(pid: number, folders: readonly string[]): Promise<void> {
    const { bytes: kept, problem } = await deletedFiles(treeOf(pid), folders);
    if (problem !== undefined) {
      this.#end(pid, folders[0] ?? "", problem);
      return;
    }
    for (const folder of folders) {
      const size = await this.#sizes.next(folder);
      if (this.#closed) return;
      if (this.#isFull(folder, size, kept)) {
        this.#end(pid, folder, size?.problem);
        return;
      }
    }
    this.#known.over.delete(pid);
  }

  /** @param size undefined: not known yet */
  #isFull(folder: string, size: FolderSize | undefined, kept: number): boolean {
    const bytes = kept + (size?.bytes ?? 0);
    const isFull = size?.problem !== undefined || bytes > this.parts.maxMib * MIB;
    if (isFull) this.#known.full.add(folder);
    else if (size !== undefined) this.#known.full.delete(folder);
    return isFull;
  }

  #end(pid: number, folder: string, problem: string | undefined): void {
    const since = this.#known.over.get(pid);
    if (since !== undefined) {
      if (performance.now() - since > GRACE_MS) killSandbox(pid);
      return;
    }
    this.#known.over.set(pid, performance.now());
    this.parts.log.warn(
      { pid, folder, problem },
      "a folder of a sandbox exceeds disk_mb; its turns are ended",
    );
    const turns = [...this.#known.started].filter(([, own]) => own.includes(folder));
    const ended = turns.filter(([id]) => this.parts.end(id, this.#refusal(folder, problem)));
    // What runs in the background has no turn to end.
    if (ended.length === 0) killSandbox(pid);
  }

  #refusal(folder: string, problem: string | undefined): Refusal {
    const { maxMib } = this.parts;
    const found = problem === undefined ? "; delete files in it" : `, and it can't be measured: ${problem}`;
    return new Refusal(413, `the folder ${JSON.stringify(folder)} must hold at most ${maxMib} MiB${found}`, {
      code: "DISK_QUOTA_EXCEEDED",
      details: { limit_mb: maxMib },
    });
  }
}
