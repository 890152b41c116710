import { setTimeout as sleep } from "node:timers/promises";
import { isObject } from "#schemas/index.js";
import type { Acknowledged } from "./load.js";
import type { ClusterNode } from "./node.js";
import { promptOf } from "./order.js";
import type { Random } from "./random.js";
import { type Answer, ask } from "./requests.js";
import { monotonicMs } from "./working-engine.js";

const ASKING = 2;
const SESSIONS = 6;
/** Time for turns that wait to park, and for undecided calls to expire. */
const LIVE_WAIT_SECS = 1;
const EXPIRES_SECS = 15;

/** The section of the plugin `approval`. */
export const APPROVAL = {
  enabled: true,
  rules: [{ ask: "Write" }],
  live_wait_secs: LIVE_WAIT_SECS,
  expires_secs: EXPIRES_SECS,
};

type Verb = "allow" | "deny";

/** A decision that a node accepted. */
export interface Decided {
  readonly approval: string;
  readonly decision: Verb;
  readonly node: string;
}

/** What the clients saw that asked, and those that decided. */
export interface AskedHistory {
  readonly decided: Decided[];
  /** Turns that answered, and what they said became of their call. */
  readonly answered: (Acknowledged & { readonly allowed: boolean })[];
  /** Answers that a turn had parked, and what it will cost. */
  readonly parked: { readonly turn: string; readonly units: number }[];
  /** Decisions that came too late. */
  late: number;
}

/**
 * Clients whose turns make calls that a person decides on, and people who decide: at two nodes at once, with opposite
 * decisions, or not at all.
 */
export class Asking {
  readonly history: AskedHistory = { decided: [], answered: [], parked: [], late: 0 };
  readonly #sessions: string[] = [];
  /** Left to expire. */
  readonly #left = new Set<string>();
  readonly #seen = new Set<string>();
  #asks = false;
  #decides = false;
  #tags = 0;
  #clients: Promise<void>[] = [];
  #decider: Promise<void> = Promise.resolve();

  constructor(
    private readonly nodes: readonly ClusterNode[],
    private readonly random: Random,
  ) {}

  start(): void {
    this.#asks = true;
    this.#decides = true;
    this.#clients = Array.from({ length: ASKING }, () => this.#loop(() => this.#ask()));
    this.#decider = this.#deciding();
  }

  /** No more calls; decisions go on. */
  async stopAsking(): Promise<void> {
    this.#asks = false;
    await Promise.all(this.#clients);
  }

  async stop(): Promise<void> {
    this.#decides = false;
    await this.#decider;
  }

  async #loop(once: () => Promise<void>): Promise<void> {
    while (this.#asks) {
      await once().catch(() => undefined);
      await sleep(this.random.below(200));
    }
  }

  async #ask(): Promise<void> {
    const session = await this.#session();
    const number = this.#tags++;
    const order = { tag: `ask${number}e`, ms: this.random.below(200), units: 1 + (number % 7), asks: true };
    const node = this.random.pick(this.nodes);
    const prompt = promptOf({ ...order, parks: true });
    this.#hear(await ask(node, `/session/${session}`, { body: { prompt } }), { ...order, session, node });
  }

  #hear(
    { status, body, turn }: Answer,
    of: {
      readonly tag: string;
      readonly units: number;
      readonly session: string;
      readonly node: ClusterNode;
    },
  ): void {
    if (isObject(body["pending_approval"])) this.history.parked.push({ turn, units: of.units });
    else if (status === 200 && body["success"] === true) {
      const { tag, units, session, node } = of;
      const allowed = body["result"] === `${tag} allowed`;
      this.history.answered.push({
        ...{ turn, session, key: "admin", tag, units, node: node.name, at: monotonicMs() },
        allowed,
      });
    }
  }

  async #session(): Promise<string> {
    if (this.#sessions.length < SESSIONS) {
      const { body } = await ask(this.random.pick(this.nodes), "/session/start", { body: {} });
      if (typeof body["session_id"] === "string") this.#sessions.push(body["session_id"]);
    }
    return this.random.pick(this.#sessions);
  }

  async #deciding(): Promise<void> {
    while (this.#decides) {
      const waiting = await this.#waiting().catch(() => []);
      await Promise.all(waiting.map((id) => this.#decide(id)));
      await sleep(150);
    }
  }

  async #waiting(): Promise<string[]> {
    const node = this.random.pick(this.nodes);
    const { body } = await ask(node, "/approvals?status=pending&limit=100");
    const ids = [body["approvals"]].flat().flatMap((one) => (isObject(one) ? [String(one["id"])] : []));
    for (const id of ids) {
      if (!this.#seen.has(id) && this.random.below(5) === 0) this.#left.add(id);
      this.#seen.add(id);
    }
    // Some wait until their turn has parked.
    return ids.filter((id) => !this.#left.has(id) && this.random.below(4) === 0);
  }

  async #decide(id: string): Promise<void> {
    const verbs: Verb[] = this.random.below(2) === 0 ? ["allow", "deny"] : ["deny", "allow"];
    const others = [...this.nodes].sort(() => this.random.next() - 0.5);
    await Promise.all(
      verbs.map(async (decision, number) => {
        const node = others[number % others.length] ?? this.random.pick(this.nodes);
        const { status } = await ask(node, `/approvals/${id}`, { body: { decision } });
        if (status === 200) this.history.decided.push({ approval: id, decision, node: node.name });
        if (status === 409) this.history.late++;
      }),
    ).catch(() => undefined);
  }
}
