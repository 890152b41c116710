import type { KeyLimits } from "@claudeway/config";
import type { Logger } from "pino";
import type { KeyLimit } from "./keys.js";

/** The limits of a key that a plugin made, by its id; undefined if the plugin does not know the key. */
export type KeyLimitSource = (keyId: string) => KeyLimit | undefined;

/** What holds for a key whose plugin fails to answer. */
const NOTHING: KeyLimit = { maxRunning: 1, workdirs: [], allow: [] };

/** The limits of keys: those of configured keys from the configuration, those of others from the plugin that made them. */
export class KeyLimitTable {
  readonly #configured: ReadonlyMap<string, KeyLimit>;
  readonly #sources = new Set<KeyLimitSource>();

  constructor(
    keyIds: readonly string[],
    limits: KeyLimits,
    private readonly log: Logger,
  ) {
    this.#configured = new Map(
      keyIds.map((id) => {
        const { max_running: maxRunning, workdirs, allow, tags } = limits[id] ?? {};
        return [id, { maxRunning, workdirs, allow, tags }];
      }),
    );
  }

  of(keyId: string): KeyLimit {
    return this.#configured.get(keyId) ?? this.#askPlugins(keyId) ?? {};
  }

  /** Where the limits of a key are set, for messages. */
  placeOf(keyId: string): string {
    return this.#configured.has(keyId) ? `[keys.${keyId}]` : `key ${keyId}:`;
  }

  /** Adds what a plugin knows. The returned function removes it. */
  add(source: KeyLimitSource): () => void {
    this.#sources.add(source);
    return () => void this.#sources.delete(source);
  }

  #askPlugins(keyId: string): KeyLimit | undefined {
    try {
      // The latest is asked first: a plugin that is replaced has two sources for a moment.
      for (const source of [...this.#sources].toReversed()) {
        const limits = source(keyId);
        if (limits !== undefined) return limits;
      }
      return undefined;
    } catch (error) {
      this.log.error(
        { err: error, key_id: keyId },
        "a plugin could not say what a key may do; it may do nothing",
      );
      return NOTHING;
    }
  }
}
