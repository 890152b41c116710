import { setTimeout as sleep } from "node:timers/promises";
import { KEYS } from "../e2e/gateway.js";
import { eventually } from "../e2e/poll.js";
import type { ClusterNode } from "./node.js";
import { promptOf } from "./order.js";
import type { Random } from "./random.js";
import { type Answer, ask, type Sent } from "./requests.js";
import { monotonicMs } from "./working-engine.js";

/** A turn that a client was told of. */
export interface Acknowledged {
  readonly turn: string;
  readonly session: string;
  readonly key: string;
  readonly tag: string;
  readonly units: number;
  readonly node: string;
  readonly at: number;
}

/** What clients saw. */
export interface History {
  readonly acknowledged: Acknowledged[];
  /** Prompts that were sent, by tag. */
  sent: number;
  /** Answers that were no success, by status, or by what broke. */
  readonly refused: Record<string, number>;
  /** Answers to another prompt. */
  readonly wrong: string[];
  /** Answers with status 500. */
  readonly odd: string[];
}

export interface LoadOptions {
  readonly clients: number;
  readonly sessions: number;
  /** How long a turn works, at most. */
  readonly ms: number;
  /** How long a few of them work, at most. */
  readonly longMs?: number;
  readonly random: Random;
  /**
   * What a load balancer does: a prompt that no gateway received goes to another one. Each has a connection of its own: if
   * a gateway closes a connection that was kept open, its client can't tell whether the prompt had arrived.
   */
  readonly balanced?: boolean;
  /** Sends a request; by default to the node itself. */
  readonly ask?: typeof ask;
}

const LONG_ONE_IN = 30;
type KeyId = keyof typeof KEYS;
const KEY_IDS = Object.keys(KEYS).filter((id): id is KeyId => id in KEYS);

/** Clients that send prompts to random sessions at random nodes. Every second prompt has an idempotency key, and is repeated under it. */
export class Load {
  readonly history: History = { acknowledged: [], sent: 0, refused: {}, wrong: [], odd: [] };
  readonly #sessions: { id: string; key: KeyId }[] = [];
  #isOn = false;
  #clients: Promise<void>[] = [];
  #tags = 0;

  constructor(
    private readonly nodes: readonly ClusterNode[],
    private readonly options: LoadOptions,
  ) {}

  get sessions(): readonly string[] {
    return this.#sessions.map(({ id }) => id);
  }

  /** Opens the sessions, at one node if given. */
  async open(node?: ClusterNode): Promise<void> {
    while (this.#sessions.length < this.options.sessions) await this.#open(node);
  }

  async start(): Promise<void> {
    const { clients } = this.options;
    await this.open();
    this.#isOn = true;
    this.#clients = Array.from({ length: clients }, () => this.#client());
  }

  /** Resolves when the last answer has come. */
  async stop(): Promise<void> {
    this.#isOn = false;
    await Promise.all(this.#clients);
  }

  /** One prompt to a session at a node; the answer is judged like any other. */
  async prompt(node: ClusterNode, session: string, ms: number): Promise<number | string> {
    const found = this.#sessions.find(({ id }) => id === session);
    return this.#send(node, session, found?.key ?? "admin", { ms, headers: {} });
  }

  async #open(node = this.options.random.pick(this.nodes)): Promise<void> {
    const key = KEY_IDS[this.#sessions.length % KEY_IDS.length] ?? "admin";
    const body = await eventually("a session", async () => {
      const { status, body } = await this.#ask(node, "/session/start", { key, body: {} });
      if (status === 503 || status === 502) return sleep(100, undefined);
      if (status !== 201 && status !== 200) throw new Error(`no session: ${status} ${JSON.stringify(body)}`);
      return body;
    });
    this.#sessions.push({ id: String(body["session_id"]), key });
  }

  async #client(): Promise<void> {
    const { random, ms, longMs = ms } = this.options;
    while (this.#isOn) {
      const session = random.pick(this.#sessions);
      const headers: Record<string, string> =
        random.below(2) === 0 ? { "idempotency-key": `k${this.#tags}-${random.below(1e9)}` } : {};
      const work = { ms: random.below(random.below(LONG_ONE_IN) === 0 ? longMs : ms), headers };
      const tag = this.#tags;
      const answer = await this.#send(random.pick(this.nodes), session.id, session.key, work);
      // A client with a key asks again, elsewhere, until it has an answer.
      if (answer !== 200 && "idempotency-key" in headers)
        await this.#send(random.pick(this.nodes), session.id, session.key, { ...work, tag });
      if (answer !== 200) await sleep(100);
    }
  }

  async #send(
    node: ClusterNode,
    session: string,
    key: KeyId,
    work: { readonly ms: number; readonly headers: Record<string, string>; readonly tag?: number },
  ): Promise<number | string> {
    const number = work.tag ?? this.#tags++;
    const units = 1 + (number % 7);
    const tag = `tag${number}e`;
    this.history.sent++;
    const prompt = promptOf({ tag, ms: work.ms, units });
    try {
      const answer = await this.#post(node, session, {
        key,
        body: { prompt },
        headers: work.headers,
        workMs: work.ms,
      });
      return this.#judge(answer, { session, key, tag, units, node: node.name });
    } catch (error) {
      const why = reasonOf(error);
      this.#refuse(why);
      return why;
    }
  }

  #ask: typeof ask = (node, path, sent) => (this.options.ask ?? ask)(node, path, sent);

  async #post(node: ClusterNode, session: string, sent: Sent): Promise<Answer> {
    const { balanced = false, random } = this.options;
    const prompt = balanced ? { ...sent, headers: { ...sent.headers, connection: "close" } } : sent;
    try {
      return await this.#ask(node, `/session/${session}`, prompt);
    } catch (error) {
      const others = this.nodes.filter((one) => one !== node);
      if (!balanced || reasonOf(error) !== "ECONNREFUSED" || others.length === 0) throw error;
      return this.#ask(random.pick(others), `/session/${session}`, prompt);
    }
  }

  #judge(
    { status, body, turn }: Answer,
    of: Pick<Acknowledged, "session" | "key" | "tag" | "units" | "node">,
  ): number {
    const { history } = this;
    if (status !== 200 || body["success"] !== true) {
      this.#refuse(`${status} ${String(body["error"]).replaceAll(/[0-9a-f-]{36}|[\d.:]+/g, "…")}`);
      if (status === 500) history.odd.push(`${of.node}: 500 ${JSON.stringify(body)}`);
      return status === 200 ? 0 : status;
    }
    if (body["result"] !== of.tag)
      history.wrong.push(`${of.tag} has the answer ${JSON.stringify(body["result"])}`);
    history.acknowledged.push({ ...of, turn, at: monotonicMs() });
    return status;
  }

  #refuse(why: string): void {
    this.history.refused[why] = (this.history.refused[why] ?? 0) + 1;
  }
}

/** Such as ECONNREFUSED. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "error";
  const { cause = error } = error;
  const code: unknown = typeof cause === "object" && cause !== null ? Reflect.get(cause, "code") : undefined;
  return typeof code === "string" ? code : error.name;
}
