import type { ModelName } from "@claudeway/ports";
import type { Logger } from "pino";

const FRESH_MS = 6 * 60 * 60 * 1000;
/** The delay after a failure before the CLI is asked again. */
const RETRY_MS = 60 * 1000;

/** The list while the CLI cannot provide one: the aliases that every version supports. */
const BUILT_IN: readonly ModelName[] = [
  { id: "sonnet", name: "Claude Sonnet" },
  { id: "opus", name: "Claude Opus" },
  { id: "haiku", name: "Claude Haiku" },
];

/** What the CLI lists: cached for 6 h, served stale during a refresh. */
export class CliCatalogue<Item> {
  #items: readonly Item[] | undefined;
  #askAgainAt = 0;
  #asking: Promise<void> | undefined;

  constructor(
    private readonly what: string,
    private readonly ask: () => Promise<readonly Item[]>,
    private readonly builtIn: readonly Item[],
    private readonly log: Logger,
    private readonly now: () => number = Date.now,
  ) {}

  /** Waits for the CLI only if nothing is cached yet. */
  async list(): Promise<readonly Item[]> {
    if (this.now() >= this.#askAgainAt) this.#asking ??= this.#refresh();
    if (this.#items === undefined) await this.#asking;
    return this.#items ?? this.builtIn;
  }

  async #refresh(): Promise<void> {
    try {
      this.#items = await this.ask();
      this.#askAgainAt = this.now() + FRESH_MS;
    } catch (error) {
      this.#askAgainAt = this.now() + RETRY_MS;
      this.log.warn({ err: error }, `the CLI did not list its ${this.what}`);
    } finally {
      this.#asking = undefined;
    }
  }
}

/** The models that the CLI offers. */
export class ModelCatalogue extends CliCatalogue<ModelName> {
  constructor(ask: () => Promise<readonly ModelName[]>, log: Logger, now?: () => number) {
    super("models", ask, BUILT_IN, log, now);
  }
}
