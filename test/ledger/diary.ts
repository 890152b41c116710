import type { Ledger, ModelShare, NewSession, NewTurn, TurnEnd, TurnUsage } from "@claudeway/ports";
import type { Tokens } from "@claudeway/schemas";
import { expect } from "chai";
import { newSession, newTurn, outcome, seeded, tokens } from "./fixture.js";
import type { OpenLedger } from "./open-ledger.js";

interface Sum {
  requests: number;
  nano: number;
  tokens: number[];
  estimated: number;
  unpriced: number;
}

const KEYS = ["admin", "ci", "batch"];
const MODELS = ["claude-sonnet", "claude-haiku", "claude-opus"];
const ENDS: readonly TurnEnd[] = ["completed", "failed", "refused", "interrupted", "timeout"];
const START = Date.UTC(2025, 11, 25);

/** Does random things with a ledger, and keeps the sums of what it did by itself. */
export class Diary {
  readonly random: () => number;
  readonly #sums = new Map<string, Sum>();
  readonly #sessions: { session: NewSession; deleted: boolean }[] = [];
  readonly #running: { turn: NewTurn; session: NewSession; usage: TurnUsage }[] = [];
  readonly #ended: NewTurn[] = [];
  #now = START;

  constructor(seed: number) {
    this.random = seeded(seed);
  }

  async step(ledger: Ledger): Promise<void> {
    this.#now += this.#upTo(12 * 3_600_000);
    const dice = this.random();
    if (dice < 0.15 || this.#sessions.length === 0) return this.#create(ledger);
    if (dice < 0.45) return this.#begin(ledger);
    if (dice < 0.55) return this.#deliver(ledger);
    if (dice < 0.85) return this.#end(ledger);
    if (dice < 0.9) return this.#lose(ledger);
    if (dice < 0.95) return this.#endAgain(ledger);
    return this.#delete(ledger);
  }

  async compare(ledger: Ledger): Promise<void> {
    const overview = await ledger.totals.overview();
    expect(this.#brief(overview), "overview").to.deep.equal(this.#sum("all"));
    for (const key of await ledger.totals.byKey()) {
      expect(this.#brief(key), key.keyId).to.deep.equal(this.#sum(`key ${key.keyId}`));
    }
    for (const day of await ledger.totals.costs("daily", 1000)) {
      expect(this.#brief(day), day.period).to.deep.equal(this.#sum(`day ${day.period}`));
    }
    for (const month of await ledger.totals.costs("monthly")) {
      expect(this.#brief(month), month.period).to.deep.equal(this.#sum(`month ${month.period}`));
    }
    for (const { session, deleted } of this.#sessions) {
      const record = await ledger.sessions.get(session.id);
      if (deleted) expect(record).to.equal(undefined);
      else if (record === undefined) throw new Error("a session is missing");
      else
        expect(this.#brief({ ...record.totals, requests: 0 })).to.deep.equal({
          ...this.#sum(session.id),
          requests: 0,
        });
    }
    const running = await ledger.turns.running();
    expect(running.map((turn) => turn.id).sort()).to.deep.equal(
      this.#running.map(({ turn }) => turn.id).sort(),
    );
    expect(running.map((turn) => turn.usage.tokens)).to.deep.equal(
      running.map(({ id }) => this.#running.find(({ turn }) => turn.id === id)?.usage.tokens),
    );
  }

  async #create(ledger: Ledger): Promise<void> {
    const kind = this.random() < 0.3 ? "task" : "session";
    const session = newSession({
      keyId: this.#pick(KEYS),
      model: this.#pick(["sonnet", "haiku"]),
      kind,
      createdAt: this.#at(),
    });
    await ledger.sessions.create(session);
    this.#sessions.push({ session, deleted: false });
  }

  async #begin(ledger: Ledger): Promise<void> {
    const { session } = this.#pick(this.#sessions);
    const turn = newTurn(session, { createdAt: this.#at() });
    await ledger.turns.begin(turn, { epoch: 0 });
    const usage = { tokens: tokens(), costUsd: 0, estimated: false, byModel: {} };
    this.#running.push({ turn, session, usage });
  }

  async #deliver(ledger: Ledger): Promise<void> {
    const running = this.#running[this.#upTo(this.#running.length)];
    if (running === undefined) return;
    running.usage = this.#usage(true);
    await ledger.turns.recordUsage(running.turn.id, running.usage);
  }

  async #end(ledger: Ledger): Promise<void> {
    const [running] = this.#running.splice(this.#upTo(this.#running.length), 1);
    if (running === undefined) return;
    const usage = this.#usage(this.random() < 0.2);
    const end = this.#pick(ENDS);
    expect(
      await ledger.turns.end(running.turn.id, outcome(running.turn, usage, { end }), { at: this.#at() }),
    ).to.equal(true);
    this.#book(running, usage);
  }

  async #lose(ledger: Ledger): Promise<void> {
    const [running] = this.#running.splice(this.#upTo(this.#running.length), 1);
    if (running === undefined) return;
    const { response } = outcome(running.turn, running.usage);
    const lost = await ledger.turns.markLost(running.turn.id, { at: this.#at(), respond: () => response });
    if (lost === undefined) throw new Error("it was not running");
    expect(lost.usage.tokens).to.deep.equal(running.usage.tokens);
    this.#book(running, lost.usage);
  }

  async #endAgain(ledger: Ledger): Promise<void> {
    const turn = this.#ended[this.#upTo(this.#ended.length)];
    if (turn === undefined) return;
    expect(await ledger.turns.end(turn.id, outcome(turn, this.#usage(false)), { at: this.#at() })).to.equal(
      false,
    );
  }

  async #delete(ledger: Ledger): Promise<void> {
    const entry = this.#pick(this.#sessions);
    expect(await ledger.sessions.delete(entry.session.id, this.#at())).to.equal(!entry.deleted);
    entry.deleted = true;
  }

  #book({ turn, session }: { turn: NewTurn; session: NewSession }, usage: TurnUsage): void {
    this.#ended.push(turn);
    const day = this.#at().slice(0, 10);
    for (const name of ["all", `key ${turn.keyId}`, `day ${day}`, `month ${day.slice(0, 7)}`, session.id]) {
      const sum = this.#sum(name);
      this.#sums.set(name, sum);
      sum.requests += 1;
      sum.nano += nanoOf(usage);
      sum.tokens = sum.tokens.map((count, i) => count + (Object.values(usage.tokens)[i] ?? 0));
      sum.estimated += usage.estimated ? 1 : 0;
      sum.unpriced += usage.costUsd === null ? 1 : 0;
    }
  }

  /** One to three models, or none named; some without a price; some with more in the whole than in the shares. */
  #usage(estimated: boolean): TurnUsage {
    const byModel: Record<string, ModelShare> = {};
    for (const model of MODELS.slice(0, this.#upTo(4))) {
      const used = tokens(1 + this.#upTo(50), this.#upTo(4000), this.#upTo(90_000), this.#upTo(9000));
      byModel[model] = {
        tokens: used,
        costUsd: estimated && this.random() < 0.5 ? null : this.#upTo(1e8) / 1e9,
      };
    }
    const shares = Object.values(byModel);
    const unpriced = shares.some((share) => share.costUsd === null);
    const rest = this.random() < 0.3 ? 1 + this.#upTo(100) : 0;
    const nano = shares.reduce((sum, share) => sum + Math.round((share.costUsd ?? 0) * 1e9), rest);
    const whole = shares.reduce((sum, share) => add(sum, share.tokens), tokens(rest, 0, rest, 1));
    return { tokens: whole, costUsd: unpriced ? null : nano / 1e9, estimated, byModel };
  }

  #brief(totals: {
    requests: number;
    tokens: Tokens;
    costUsd: number;
    estimated: number;
    unpriced: number;
  }): Sum {
    const { requests, costUsd, estimated, unpriced } = totals;
    return {
      requests,
      nano: Math.round(costUsd * 1e9),
      tokens: Object.values(totals.tokens),
      estimated,
      unpriced,
    };
  }

  #sum(name: string): Sum {
    return this.#sums.get(name) ?? { requests: 0, nano: 0, tokens: [0, 0, 0, 0], estimated: 0, unpriced: 0 };
  }

  #pick<T>(list: readonly T[]): T {
    const one = list[this.#upTo(list.length)];
    if (one === undefined) throw new Error("nothing to pick from");
    return one;
  }

  #upTo(most: number): number {
    return Math.floor(this.random() * most);
  }

  #at(): string {
    return new Date(this.#now).toISOString();
  }
}

/** The recorded part of a usage: the whole, or if that has no price, the parts with one. */
function nanoOf(usage: TurnUsage): number {
  if (usage.costUsd !== null) return Math.round(usage.costUsd * 1e9);
  return Object.values(usage.byModel).reduce((sum, share) => sum + Math.round((share.costUsd ?? 0) * 1e9), 0);
}

function add(a: Tokens, b: Tokens): Tokens {
  return tokens(
    a.input + b.input,
    a.output + b.output,
    a.cache_read + b.cache_read,
    a.cache_write + b.cache_write,
  );
}

/** Keeps a diary of 150 random steps in the ledger of a new folder, which is now and then closed and opened again, and compares them. */
export async function keepDiary(openLedger: OpenLedger, dataDir: string, seed: number): Promise<Ledger> {
  let ledger = await openLedger({ dataDir });
  const diary = new Diary(seed);
  for (let step = 0; step < 150; step++) {
    if (diary.random() < 0.01) {
      await ledger.close();
      ledger = await openLedger({ dataDir });
    }
    await diary.step(ledger);
  }
  await diary.compare(ledger);
  return ledger;
}
