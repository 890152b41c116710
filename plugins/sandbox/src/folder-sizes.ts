import { type FolderSize, folderSize, walkFolder } from "./folder-size.js";

/** A folder is measured again after a rest, in ms; longer where measuring takes long, so that it takes this part of the time. */
const REST_MS = 1000;
const PART = 0.1;

/** A folder that is measured again and again. */
interface Measurement {
  /** What it held when it was measured as a whole last; undefined: it was not. */
  size: FolderSize | undefined;
  walk: ReturnType<typeof walkFolder> | undefined;
  /** How long the current walk has taken, in ms. */
  spent: number;
  /** When the next walk begins. */
  due: number;
  /** The last walk had a problem: one that passes by itself does not count. */
  suspect: boolean;
}

/** The sizes of folders, each measured for a slice of time in turn, so that a large one does not keep others waiting. */
export class FolderSizes {
  readonly #measured = new Map<string, Measurement>();
  /** The folders that were measured in this round. */
  readonly #round = new Map<string, Promise<FolderSize | undefined>>();
  /** Folders that are measured at once. */
  readonly #now = new Map<string, Promise<FolderSize>>();
  #closed = false;

  constructor(
    private readonly enough: number,
    private readonly sliceMs: number,
  ) {}

  /** Begins a round of these folders, and forgets all others. */
  begin(folders: ReadonlySet<string>): void {
    this.#round.clear();
    for (const folder of [...this.#measured.keys()]) if (!folders.has(folder)) this.#forget(folder);
  }

  /** Whether a folder has been measured in part. */
  get isUnfinished(): boolean {
    return [...this.#measured.values()].some(({ walk }) => walk !== undefined);
  }

  /** Measures a folder for a slice of time, once in a round. Resolves to what it held last; undefined: not known yet. */
  next(folder: string): Promise<FolderSize | undefined> {
    const found = this.#round.get(folder) ?? this.#advance(folder);
    this.#round.set(folder, found);
    return found;
  }

  /** Measures a folder as a whole. */
  now(folder: string): Promise<FolderSize> {
    const running = this.#now.get(folder);
    if (running !== undefined) return running;
    const started = this.#whole(folder).finally(() => this.#now.delete(folder));
    this.#now.set(folder, started);
    return started;
  }

  close(): void {
    this.#closed = true;
    for (const folder of [...this.#measured.keys()]) this.#forget(folder);
  }

  async #whole(folder: string): Promise<FolderSize> {
    const size = await folderSize(folder, this.enough);
    // What was found before is out of date.
    this.#forget(folder);
    return size;
  }

  async #advance(folder: string): Promise<FolderSize | undefined> {
    if (this.#closed) return undefined;
    const measurement = this.#measured.get(folder) ?? newMeasurement();
    this.#measured.set(folder, measurement);
    const began = performance.now();
    if (measurement.walk === undefined && began < measurement.due) return measurement.size;
    measurement.walk ??= walkFolder(folder, this.enough);
    try {
      const found = await stepsOf(measurement.walk, began + this.sliceMs);
      measurement.spent += performance.now() - began;
      if (found !== undefined) finish(measurement, found, this.enough);
    } catch (error) {
      Object.assign(measurement, { walk: undefined, spent: 0 });
      throw error;
    }
    return measurement.size;
  }

  #forget(folder: string): void {
    // Closes the folder that it reads; one that is gone needs no closing.
    this.#measured
      .get(folder)
      ?.walk?.return({ bytes: 0 })
      .catch(() => undefined);
    this.#measured.delete(folder);
  }
}

function newMeasurement(): Measurement {
  return { size: undefined, walk: undefined, spent: 0, due: 0, suspect: false };
}

/** Resolves to the size if the walk has ended by then. */
async function stepsOf(
  walk: NonNullable<Measurement["walk"]>,
  until: number,
): Promise<FolderSize | undefined> {
  do {
    const { done, value } = await walk.next();
    if (done === true) return value;
  } while (performance.now() < until);
  return undefined;
}

function finish(measurement: Measurement, found: FolderSize, enough: number): void {
  const { bytes, problem } = found;
  const counts = problem === undefined || measurement.suspect || bytes > enough;
  Object.assign(measurement, {
    size: counts ? found : { bytes },
    suspect: problem !== undefined,
    walk: undefined,
    due: performance.now() + Math.max(REST_MS, measurement.spent / PART),
    spent: 0,
  });
}
