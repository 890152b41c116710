import type { PriceBook, QuotaBook, TurnUsage } from "@claudeway/ports";

type Tokens = TurnUsage["tokens"];

/** USD for a million tokens. */
interface ListPrice {
  readonly input: number;
  readonly output: number;
}

/**
 * List prices, for models whose price has not been learned from earlier turns. A model of an unknown family counts as
 * the dearest, so that a budget is never exceeded for lack of a price.
 */
const LIST_PRICES: readonly (readonly [family: string, price: ListPrice])[] = [
  ["haiku", { input: 1, output: 5 }],
  ["sonnet", { input: 3, output: 15 }],
];
const DEAREST: ListPrice = { input: 15, output: 75 };
/** Cached input costs this much of the price of input: read, and written for an hour. */
const CACHE_READ = 0.1;
const CACHE_WRITE = 2;

/**
 * Ends a turn when what was delivered of it has cost more than its budget, or than what plugins reserved for it and no
 * more can be reserved.
 */
export class BudgetWatch {
  #latest: TurnUsage | undefined;
  #checking = false;
  #ended = false;

  constructor(
    private readonly options: {
      readonly turnId: string;
      /** Of the turn's own; undefined if it has none. */
      readonly limitUsd: number | undefined;
      /** What it had used before it was parked, which counts towards its own budget only. */
      readonly before: TurnUsage | undefined;
      readonly quota: Pick<QuotaBook, "reservedUsd" | "extend">;
      readonly prices: Pick<PriceBook, "estimateCost">;
      readonly exceeded: () => void;
      readonly failed: (error: unknown) => void;
    },
  ) {}

  /** The turn's usage so far. */
  usage(usage: TurnUsage): void {
    this.#latest = usage;
    if (!this.#checking && !this.#ended) void this.#check();
  }

  /** The turn is over. */
  end(): void {
    this.#ended = true;
  }

  async #check(): Promise<void> {
    const { turnId, quota, exceeded, failed } = this.options;
    this.#checking = true;
    try {
      const limitUsd = await this.#leftUsd();
      while (this.#latest !== undefined) {
        const usage = this.#latest;
        this.#latest = undefined;
        let reserved = await quota.reservedUsd(turnId);
        if (reserved === undefined && limitUsd === Number.POSITIVE_INFINITY) continue;
        const cost = await this.#costOf(usage);
        while (reserved !== undefined && reserved < cost && cost <= limitUsd && !this.#ended) {
          const extended = await quota.extend(turnId);
          if (extended === undefined) break;
          reserved = extended;
        }
        if (cost <= Math.min(limitUsd, reserved ?? limitUsd) || this.#ended) continue;
        this.#ended = true;
        exceeded();
      }
    } catch (error) {
      failed(error);
    } finally {
      this.#checking = false;
    }
  }

  /** What is left of the turn's own budget since it was parked, if it was. */
  async #leftUsd(): Promise<number> {
    const { limitUsd, before } = this.options;
    if (limitUsd === undefined) return Number.POSITIVE_INFINITY;
    return before === undefined ? limitUsd : limitUsd - (await this.#costOf(before));
  }

  async #costOf({ byModel }: TurnUsage): Promise<number> {
    let sum = 0;
    for (const [model, { tokens, costUsd }] of Object.entries(byModel))
      sum += costUsd ?? (await this.options.prices.estimateCost(model, tokens)) ?? listCost(model, tokens);
    return sum;
  }
}

function listCost(model: string, { input, output, cache_read, cache_write }: Tokens): number {
  const price = LIST_PRICES.find(([family]) => model.includes(family))?.[1] ?? DEAREST;
  const asInput = input + cache_read * CACHE_READ + cache_write * CACHE_WRITE;
  return (asInput * price.input + output * price.output) / 1_000_000;
}
