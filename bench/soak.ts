import { setTimeout as sleep } from "node:timers/promises";
import type { DealtUsage } from "@claudeway/plugin-demo/model";
import { Conversation } from "../test/e2e/conversation.js";
import { sumOfDealt } from "../test/e2e/dealt.js";
import { KEYS, TestGateway } from "../test/e2e/gateway.js";
import { LedgerFile } from "../test/e2e/ledger-file.js";
import { cliProcesses, type Held, probe, WITH_PROBE } from "./probe.js";

const SESSIONS = 6;
const MAX_PROCESSES = 6;
const CLIENTS = 6;
const SAMPLES = 40;

/** The result of a mixed load. */
export interface SoakReport {
  readonly minutes: number;
  /** How often each kind of thing was done. */
  readonly done: Readonly<Record<string, number>>;
  /** Wrong answers; empty on success. */
  readonly wrong: readonly string[];
  readonly mostProcesses: number;
  readonly maxProcesses: number;
  readonly samples: readonly Held[];
  readonly sessions: number;
  /** Sessions in which a turn was killed or broken off, so that the ledger says itself that it estimates. */
  readonly estimated: number;
  /** Turns in the ledger without an end, after the gateway has closed. */
  readonly unended: number;
  readonly integrity: string;
}

/**
 * Runs a mixed load against the real command and CLI for some minutes: turns, streams, tasks, interrupts, clients that
 * leave, timeouts, killed processes, deleted sessions, plugins on and off. The load follows from `seed`. Rejects where
 * the gateway leaves a process behind.
 */
export async function soak(minutes: number, seed: number): Promise<SoakReport> {
  const gateway = await TestGateway.start({ args: WITH_PROBE, config: configWith(false) });
  try {
    return await new Soak(gateway, minutes, seed).run();
  } finally {
    await gateway.dispose();
  }
}

function configWith(swagger: boolean): string {
  const plugin = swagger ? "[plugins.swagger]\nenabled = true\n" : "";
  return `[engine]\nmax_running = 4\nmax_processes = ${MAX_PROCESSES}\nidle_secs = 20\ngrace_secs = 5\n${plugin}`;
}

class Soak {
  readonly #done: Record<string, number> = {};
  readonly #wrong: string[] = [];
  readonly #samples: Held[] = [];
  /** All that the model dealt, by the number of its request: the model itself forgets old ones. */
  readonly #dealt = new Map<number, DealtUsage>();
  readonly #everyone: string[] = [];
  readonly #talks: Conversation[] = [];
  readonly #busy = new Set<Conversation>();
  readonly #end: number;
  readonly #ledger: LedgerFile;
  #mostProcesses = 0;
  #swagger = false;
  #random: number;

  constructor(
    private readonly gateway: TestGateway,
    private readonly minutes: number,
    seed: number,
  ) {
    this.#random = seed;
    this.#end = Date.now() + minutes * 60_000;
    this.#ledger = new LedgerFile(gateway.dataDir);
  }

  async run(): Promise<SoakReport> {
    for (let i = 0; i < SESSIONS; i++) this.#talks.push(await this.#startSession());
    const watching = this.#watch();
    const sampling = Promise.all([this.#sample(), this.#collect()]);
    await Promise.all(Array.from({ length: CLIENTS }, () => this.#client()));
    await Promise.all([watching, sampling]);
    await this.gateway.stop();
    this.#remember();
    return this.#report();
  }

  async #client(): Promise<void> {
    while (Date.now() < this.#end) {
      const [name, act] = this.#pick(this.#acts);
      try {
        await act();
        this.#done[name] = (this.#done[name] ?? 0) + 1;
      } catch (error) {
        this.#wrong.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }

  /** Actions of clients; frequent ones are listed several times. */
  readonly #acts: readonly (readonly [string, () => Promise<void>])[] = [
    ...Array.from({ length: 8 }, () => ["turn", () => this.#turn("[[words 30]]")] as const),
    ...Array.from(
      { length: 3 },
      () => ["turn with a tool call", () => this.#turn("[[bash echo hi]]")] as const,
    ),
    ...Array.from({ length: 3 }, () => ["task", () => this.#task()] as const),
    ["stream", () => this.#stream()],
    ["client that leaves", () => this.#leave()],
    ["interrupt", () => this.#interrupt()],
    ["timeout", () => this.#timeout()],
    ["model error", () => this.#failure()],
    ["killed process", () => this.#kill()],
    ["deleted session", () => this.#replace()],
    ["plugin switched", () => this.#switch()],
  ];

  async #startSession(): Promise<Conversation> {
    const talk = await Conversation.start(this.gateway);
    this.#everyone.push(talk.id);
    return talk;
  }

  /** Reserves a session that no other client uses. */
  async #withTalk(act: (talk: Conversation) => Promise<void>): Promise<void> {
    const free = this.#talks.filter((talk) => !this.#busy.has(talk));
    if (free.length === 0) return void (await sleep(20));
    const talk = this.#pick(free);
    this.#busy.add(talk);
    try {
      await act(talk);
    } finally {
      this.#busy.delete(talk);
    }
  }

  #turn(prompt: string): Promise<void> {
    return this.#withTalk(async (talk) => {
      const { status, body } = await talk.say(prompt);
      // Another client may kill its process.
      const killed = body.success === false && /process|ended|exit|signal/i.test(body.error ?? "");
      if (status !== 200 || !(body.success || killed)) this.#refuse("turn", status, body);
    });
  }

  async #task(): Promise<void> {
    const { status, body } = await this.gateway.request("/task", {
      body: { prompt: "[[words 10]]" },
      key: KEYS.bob,
    });
    const killed = body["success"] === false && /process|ended|exit|signal/i.test(String(body["error"]));
    this.#everyone.push(String(body["session_id"]));
    if (status !== 200 || !(body["success"] === true || killed)) this.#refuse("task", status, body);
  }

  #stream(): Promise<void> {
    return this.#withTalk(async (talk) => {
      const events = await this.gateway.events(`${talk.path}/stream`, { body: { prompt: "[[words 200]]" } });
      const last = events.at(-1)?.event;
      if (last !== "done" && last !== "error") this.#wrong.push(`stream: ended with ${last}`);
    });
  }

  #leave(): Promise<void> {
    return this.#withTalk(async (talk) => {
      const leave = new AbortController();
      const body = { prompt: "[[slow 50]] [[words 200]]" };
      const answer = this.gateway
        .fetch(`${talk.path}/stream`, { body, signal: leave.signal })
        .then((response) => response.text())
        .catch(() => undefined);
      await sleep(100 + this.#below(1000));
      leave.abort();
      await answer;
    });
  }

  #interrupt(): Promise<void> {
    return this.#withTalk(async (talk) => {
      const answer = talk.say("[[slow 50]] [[words 200]]");
      await sleep(this.#below(1500));
      await this.gateway.request(`${talk.path}/interrupt`, { body: {} });
      const { status } = await answer;
      if (status !== 200) this.#wrong.push(`interrupt: ${status}`);
    });
  }

  #timeout(): Promise<void> {
    return this.#withTalk(async (talk) => {
      const { status, body } = await talk.say("[[words 5]] [[hang]]", { timeoutSecs: 2 });
      const killed = status === 200 && body.success === false;
      if (status !== 408 && !killed) this.#refuse("timeout", status, body);
    });
  }

  #failure(): Promise<void> {
    return this.#withTalk(async (talk) => {
      const { status, body } = await talk.say("[[fail 400 no more]]");
      if (status !== 200 || body.success) this.#refuse("model error", status, body);
    });
  }

  async #kill(): Promise<void> {
    await sleep(2000 + this.#below(3000));
    const pids = await cliProcesses(this.gateway);
    if (pids.length > 0) process.kill(this.#pick(pids), "SIGKILL");
  }

  #replace(): Promise<void> {
    return this.#withTalk(async (talk) => {
      const { status } = await this.gateway.request(talk.path, { method: "DELETE" });
      if (status !== 200) this.#wrong.push(`delete: ${status}`);
      this.#talks.splice(this.#talks.indexOf(talk), 1, await this.#startSession());
    });
  }

  async #switch(): Promise<void> {
    await sleep(500);
    this.#swagger = !this.#swagger;
    this.gateway.reload(configWith(this.#swagger));
  }

  /** As often as it can be seen. */
  async #watch(): Promise<void> {
    while (Date.now() < this.#end) {
      this.#mostProcesses = Math.max(this.#mostProcesses, (await cliProcesses(this.gateway)).length);
      await sleep(20);
    }
  }

  async #collect(): Promise<void> {
    while (Date.now() < this.#end) {
      this.#remember();
      await sleep(1000);
    }
  }

  #remember(): void {
    for (const usage of this.gateway.model.dealt()) this.#dealt.set(usage.seq, usage);
  }

  async #sample(): Promise<void> {
    const every = (this.minutes * 60_000) / SAMPLES;
    while (Date.now() + every < this.#end) {
      await sleep(every);
      this.#samples.push(await probe(this.gateway));
      process.stderr.write(".");
    }
    process.stderr.write("\n");
  }

  async #report(): Promise<SoakReport> {
    let estimated = 0;
    for (const id of this.#everyone) {
      const sums = await this.#ledger.session(id);
      const dealt = [...this.#dealt.values()].filter(({ sessionId }) => sessionId === id);
      if (sums.estimated > 0) estimated++;
      else if (JSON.stringify(sums.tokens) !== JSON.stringify(sumOfDealt(dealt))) {
        const both = `${JSON.stringify(sums.tokens)}, dealt ${JSON.stringify(sumOfDealt(dealt))}`;
        this.#wrong.push(`money of ${id}: recorded ${both}`);
      }
    }
    const [open] = await this.#ledger.query("SELECT count(*) AS n FROM turns WHERE end IS NULL");
    const [check] = await this.#ledger.query("PRAGMA integrity_check");
    return {
      minutes: this.minutes,
      done: this.#done,
      wrong: this.#wrong,
      mostProcesses: this.#mostProcesses,
      maxProcesses: MAX_PROCESSES,
      samples: this.#samples,
      sessions: this.#everyone.length,
      estimated,
      unended: Number(open?.["n"]),
      integrity: String(check?.["integrity_check"]),
    };
  }

  #refuse(what: string, status: number, body: unknown): void {
    this.#wrong.push(`${what}: ${status} ${JSON.stringify(body).slice(0, 300)}`);
  }

  #pick<T>(all: readonly T[]): T {
    const one = all[this.#below(all.length)];
    if (one === undefined) throw new Error("nothing to pick from");
    return one;
  }

  /** A linear congruential generator (Numerical Recipes): the same seed, the same choices. */
  #below(limit: number): number {
    this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#random / 2 ** 32) * limit);
  }
}
