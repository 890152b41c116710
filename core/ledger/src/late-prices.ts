import type { TurnInfo, TurnRecord, TurnUsage } from "@claudeway/ports";
import { nanoOf } from "./money.js";
import type { PriceTable } from "./prices.js";
import type { QuotaTable } from "./quota.js";
import type { Booked } from "./shares.js";
import type { Sql, Work } from "./sql.js";
import { findTurn, SELECT_TURN, toTurn } from "./turn-row.js";

/** How many of the latest turns are looked at when a price becomes known. */
const PRICED_LATER = 10_000;

/** An ended turn whose cost has become known, and its usage with that. */
export type PricedTurn = readonly [TurnInfo, TurnUsage];

/** Prices that become known with the end of a turn, and what they say of turns that ended before. */
export class LatePrices {
  /** Turns whose cost is known since the end of the turn with this id. */
  readonly #priced = new Map<string, readonly PricedTurn[]>();

  constructor(
    private readonly sql: Sql,
    private readonly prices: PriceTable,
    private readonly quota: QuotaTable,
  ) {}

  /** Learns from what a turn used, when it ends. Must run in the caller's transaction. */
  *learn(turnId: string, booked: Booked): Work<void> {
    // The transaction may be repeated, and another turn's end may have reported these by then.
    this.#priced.delete(turnId);
    const learned = yield* this.prices.learn(booked);
    if (learned.length === 0) return;
    yield* this.#correctQuota();
    this.#priced.set(turnId, yield* this.#nowPriced(learned));
  }

  /** Ended turns whose cost is known since the end of this one, with their usage; each is returned once. */
  take(turnId: string): readonly PricedTurn[] {
    const priced = this.#priced.get(turnId) ?? [];
    this.#priced.delete(turnId);
    return priced;
  }

  *#nowPriced(models: readonly string[]): Work<PricedTurn[]> {
    const latest = `t.seq > (SELECT max(seq) FROM turns) - ${PRICED_LATER}`;
    const sql = `${SELECT_TURN} WHERE ${latest} AND t.unpriced = 1 AND t."end" IS NOT NULL ORDER BY t.seq`;
    const priced: PricedTurn[] = [];
    for (const turn of (yield* this.sql.all(sql)).map(toTurn)) {
      // Turns that lack the price of another model, or had all prices before, are not concerned.
      if (!models.some((model) => turn.usage.byModel[model]?.costUsd === null)) continue;
      const usage = yield* this.prices.price(turn.usage);
      if (usage.costUsd !== null) priced.push([infoOf(turn), usage]);
    }
    return priced;
  }

  /** Corrects the counters of turns whose price has become known. */
  *#correctQuota(): Work<void> {
    for (const turnId of yield* this.quota.unpriced()) {
      const row = yield* findTurn(this.sql, turnId);
      const costUsd = row && (yield* this.prices.price(toTurn(row).usage)).costUsd;
      if (typeof costUsd === "number") yield* this.quota.correct(turnId, nanoOf(costUsd));
    }
  }
}

function infoOf({ id, sessionId, kind, keyId, origin, createdAt, metadata }: TurnRecord): TurnInfo {
  return { id, sessionId, kind, keyId, createdAt, metadata, ...(origin !== undefined && { origin }) };
}
