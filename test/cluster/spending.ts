import { setTimeout as sleep } from "node:timers/promises";
import type { Cluster } from "./cluster.js";
import type { ClusterNode } from "./node.js";
import { promptOf } from "./order.js";
import type { Random } from "./random.js";
import { ask } from "./requests.js";

/** How many keys there are with a budget of their own. */
const SPENDERS = 300;
const BUDGET_USD = 0.06;
/** What each turn costs and reserves. The budget is a multiple, so that no turn begins on a part of it: it holds exactly. */
const UNITS = 4;
const CLIENTS = 3;
/** Sessions of a key, so that its turns run at all nodes at once. */
const SESSIONS = 3;
const NANO = 1e9;

const SECRETS: readonly (readonly [string, string])[] = Array.from({ length: SPENDERS }, (_, number) => [
  `spender-${number}`,
  `sk-spender-${number}-0123456789abcdef`,
]);

/** As in WRAPPER_KEYS. */
export const SPENDER_KEYS = SECRETS.map(([id, secret]) => `${id}:${secret}`).join(",");

/** The section of the plugin `limits`. */
export const BUDGETS = {
  enabled: true,
  budgets: [
    {
      name: "spender",
      keys: SECRETS.map(([id]) => id),
      per: "key",
      usd: BUDGET_USD,
      window: "all",
      reserve_usd: UNITS / 1000,
    },
  ],
};

/** Clients that use up the budget of one key after the other, together. */
export class Spending {
  /** Turns that were refused because a budget was used up. */
  refused = 0;
  #isOn = false;
  #current = 0;
  #sessions: string[] = [];
  #tags = 0;
  #clients: Promise<void>[] = [];

  constructor(
    private readonly nodes: readonly ClusterNode[],
    private readonly random: Random,
  ) {}

  /** How many budgets are used up. */
  get exhausted(): number {
    return this.#current;
  }

  start(): void {
    this.#isOn = true;
    this.#clients = Array.from({ length: CLIENTS }, () => this.#client());
  }

  async stop(): Promise<void> {
    this.#isOn = false;
    await Promise.all(this.#clients);
  }

  async #client(): Promise<void> {
    while (this.#isOn && this.#current < SPENDERS) {
      await this.#spend().catch(() => undefined);
      await sleep(this.random.below(100));
    }
  }

  async #spend(): Promise<void> {
    const number = this.#current;
    const [, secret = ""] = SECRETS[number] ?? [];
    const session = await this.#session(secret);
    const prompt = promptOf({ tag: `spent${this.#tags++}e`, ms: this.random.below(100), units: UNITS });
    const { status } = await ask(this.random.pick(this.nodes), `/session/${session}`, {
      secret,
      body: { prompt },
    });
    if (status !== 402) return;
    this.refused++;
    if (number !== this.#current) return;
    this.#current++;
    this.#sessions = [];
  }

  async #session(secret: string): Promise<string> {
    const known = this.#sessions;
    if (known.length < SESSIONS) {
      const { body } = await ask(this.random.pick(this.nodes), "/session/start", { secret, body: {} });
      if (typeof body["session_id"] === "string") known.push(body["session_id"]);
    }
    return this.random.pick(known);
  }
}

/** Budgets that were overrun, or whose counter says something else than the turns. */
export async function overruns(cluster: Cluster): Promise<string[]> {
  const spent = await cluster.query(
    `SELECT key_id AS key, sum(cost_nano)::float8 AS nano FROM turns WHERE key_id LIKE 'spender-%' GROUP BY 1`,
  );
  const counted = await cluster.query(
    `SELECT subject, used::float8 AS nano FROM quota_counters WHERE name = 'budget:spender'`,
  );
  const [held] = await cluster.query(
    `SELECT count(*)::int AS turns FROM quota_reservations r JOIN turns t ON t.id = r.turn_id WHERE t."end" IS NOT NULL`,
  );
  const counters = new Map(counted.map(({ subject, nano }) => [subject, Number(nano)]));
  const wrong = spent.flatMap(({ key, nano }) => {
    const usd = Number(nano) / NANO;
    const counter = (counters.get(`key:${key}`) ?? 0) / NANO;
    return [
      ...(usd > BUDGET_USD + 1e-9
        ? [`the budget of ${key} is ${BUDGET_USD} USD, its turns cost ${usd}`]
        : []),
      ...(Math.abs(usd - counter) > 1e-9
        ? [`the budget's counter of ${key} is at ${counter} USD, its turns cost ${usd}`]
        : []),
    ];
  });
  const kept = Number(held?.["turns"]);
  return [...wrong, ...(kept === 0 ? [] : [`${kept} ended turns hold a part of a budget`])];
}
