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

/** The models that the CLI offers: cached for 6 h, served stale during a refresh. */
export class ModelCatalogue {
  #models: readonly ModelName[] | undefined;
  #askAgainAt = 0;
  #asking: Promise<void> | undefined;

  constructor(
    private readonly ask: () => Promise<readonly ModelName[]>,
    private readonly log: Logger,
    private readonly now: () => number = Date.now,
  ) {}

  /** Waits for the CLI only if nothing is cached yet. */
  async list(): Promise<readonly ModelName[]> {
    if (this.now() >= this.#askAgainAt) this.#asking ??= this.#refresh();
    if (this.#models === undefined) await this.#asking;
    return this.#models ?? BUILT_IN;
  }

  async #refresh(): Promise<void> {
    try {
      this.#models = await this.ask();
      this.#askAgainAt = this.now() + FRESH_MS;
    } catch (error) {
      this.#askAgainAt = this.now() + RETRY_MS;
      this.log.warn({ err: error }, "the CLI did not list its models");
    } finally {
      this.#asking = undefined;
    }
  }
}
