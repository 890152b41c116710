import { hash } from "node:crypto";
import type { PluginStoreBook, SharedGuesses, StoredChange, StoredEntry, WaitAfter } from "@claudeway/ports";
import { messageOf } from "@claudeway/ports";
import type { Logger } from "pino";

/** No plugin has this name. */
const OWNER = "cluster/guesses";
/** Failures are forgotten after this time without another one. */
const FORGOTTEN_MS = 15 * 60_000;
const MAX_ENTRIES = 100_000;
/** How long an attempt waits for the database; then only this node's own count holds. */
const PATIENCE_MS = 1000;
/** Failures of one address at several nodes at once are counted one after another. */
const MAX_TRIES = 10;
const WARN_EVERY_MS = 60_000;

interface Known {
  readonly failures: number;
  /** Undefined: no failure is known. */
  readonly version: number | undefined;
  /** Until when it has to wait. */
  readonly until: string | undefined;
}

/**
 * Counts refused attempts in the database, by its clock: a wait is an entry that expires. Who has to wait is stored as a digest.
 * While the database is away, each node goes by its own count, as a gateway alone does: it neither lets everybody in nor
 * keeps everybody out.
 */
export class ClusterGuesses implements SharedGuesses {
  #warnedAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly store: Pick<PluginStoreBook, "list" | "write">,
    private readonly log: Pick<Logger, "warn">,
  ) {}

  async enter(who: string, waitAfter: WaitAfter): Promise<number> {
    return this.#inTime(0, async () => {
      const name = nameOf(who);
      const known = await this.#find(name);
      if (known.until !== undefined) return Math.max(1, Date.parse(known.until) - Date.now());
      const wait = waitAfter(known.failures);
      if (wait === 0) return 0;
      const taken = await this.#write([waiting(name, wait, null)]);
      // Another attempt is under way.
      return taken ? 0 : 1000;
    });
  }

  async failed(who: string, waitAfter: WaitAfter): Promise<void> {
    await this.#inTime(undefined, async () => {
      const name = nameOf(who);
      for (let tries = 0; tries < MAX_TRIES; tries++) {
        const { failures, version } = await this.#find(name);
        const wait = waitAfter(failures + 1);
        const count = countOf(name, failures + 1, version);
        if (await this.#write(wait === 0 ? [count] : [count, waiting(name, wait)])) return;
      }
    });
  }

  async succeeded(who: string): Promise<void> {
    await this.#inTime(undefined, async () => {
      const name = nameOf(who);
      const { version, until } = await this.#find(name);
      if (version !== undefined || until !== undefined)
        await this.#write([removed(`${name}/count`), removed(`${name}/wait`)]);
    });
  }

  async #find(name: string): Promise<Known> {
    const entries = await this.store.list(OWNER, { prefix: `${name}/`, after: undefined, limit: 2 });
    const count = entries.find(({ key }) => key === `${name}/count`);
    return {
      failures: count === undefined ? 0 : failuresIn(count),
      version: count?.version,
      until: entries.find(({ key }) => key === `${name}/wait`)?.expiresAt,
    };
  }

  /** False: another node has written in between. */
  async #write(changes: readonly StoredChange[]): Promise<boolean> {
    const result = await this.store.write(OWNER, { changes, maxEntries: MAX_ENTRIES });
    return result.ok || result.reason === "full";
  }

  /** What `work` resolves to; `unknown` if that fails or takes too long. */
  async #inTime<T>(unknown: T, work: () => Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error("the database takes too long")), PATIENCE_MS);
    });
    try {
      return await Promise.race([work(), late]);
    } catch (error) {
      this.#warn(messageOf(error));
      return unknown;
    } finally {
      clearTimeout(timer);
    }
  }

  #warn(reason: string): void {
    if (performance.now() - this.#warnedAt < WARN_EVERY_MS) return;
    this.#warnedAt = performance.now();
    this.log.warn(`refused attempts are counted at this node alone: ${reason}`);
  }
}

function nameOf(who: string): string {
  return hash("sha256", who, "base64url");
}

function failuresIn({ json }: StoredEntry): number {
  const value: unknown = JSON.parse(json);
  return typeof value === "number" ? value : 0;
}

function countOf(name: string, failures: number, version: number | undefined): StoredChange {
  return { key: `${name}/count`, json: String(failures), expected: version ?? null, ttlMs: FORGOTTEN_MS };
}

/** `expected` null: only if it need not wait yet. */
function waiting(name: string, ttlMs: number, expected?: null): StoredChange {
  return { key: `${name}/wait`, json: "true", expected, ttlMs };
}

function removed(key: string): StoredChange {
  return { key, json: undefined, expected: undefined, ttlMs: undefined };
}
