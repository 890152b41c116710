import type { ParkedForLimit, TurnEnd, TurnOutcome, TurnRecord } from "@claudeway/ports";

/** A turn goes on within this part of its wait after the limit is lifted, and within this time, in ms. */
const JITTER_PART = 0.1;
const MAX_JITTER_MS = 60_000;
/** The least wait of a turn that parks for the nth time is this, doubled n times, in ms; at most the second figure. */
const MIN_WAIT_MS = 500;
const MAX_BACKOFF_MS = 15 * 60_000;
/** Node fires timers with a longer delay at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** A turn that waits for a usage limit. */
export type TurnWithLimit = TurnRecord & { readonly parked: ParkedForLimit };

/** What of it is needed to wait. */
export type LimitedTurn = Pick<TurnWithLimit, "id" | "keyId"> & {
  readonly parked: Pick<ParkedForLimit, "limit">;
};

/** A turn that has gone on. */
export interface GoingTurn {
  readonly info: { readonly id: string };
  /** Resolves when the model begins to answer. */
  readonly answered: Promise<undefined>;
  readonly ended: Promise<{
    readonly outcome: {
      readonly end: TurnEnd | "parked";
      readonly response: Pick<TurnOutcome["response"], "code" | "resets_at">;
    };
  }>;
}

interface Waiting {
  readonly turnId: string;
  /** When it goes on, in ms since 1970. */
  at: number;
}

/** The turns of one account. */
interface Line {
  readonly waiting: Waiting[];
  /** The turn that has gone on and has not been answered yet. */
  going: string | undefined;
  timer: NodeJS.Timeout | undefined;
}

export interface LimitWaitsOptions {
  /** How many turns of one key may wait at once. */
  readonly maxPerKey: number;
  readonly log: { error(fields: object, message: string): void };
}

/**
 * The turns that wait until a usage limit is lifted. Those of one account go on one after the other: the next one only
 * once the model answers the one before. If the limit holds, all of them wait on, after a single request.
 */
export class LimitWaits {
  readonly #lines = new Map<string, Line>();
  /** The key of each turn that waits or has gone on. */
  readonly #keys = new Map<string, string>();
  #goOn: (turnId: string) => Promise<GoingTurn | undefined> = async () => undefined;
  #closed = false;

  constructor(private readonly options: LimitWaitsOptions) {}

  /** Sets what starts a turn again; it resolves to undefined if the turn no longer waits. */
  onDue(goOn: (turnId: string) => Promise<GoingTurn | undefined>): void {
    this.#goOn = goOn;
  }

  /** Takes a place for a turn that is about to park. False: too many turns of its key wait. */
  reserve({ id, keyId }: Pick<TurnRecord, "id" | "keyId">): boolean {
    const others = [...this.#keys].filter(([turnId, key]) => key === keyId && turnId !== id);
    if (others.length >= this.options.maxPerKey) return false;
    this.#keys.set(id, keyId);
    return true;
  }

  /** Gives the place of a turn back that did not park, or that has ended. */
  release(turnId: string): void {
    this.#keys.delete(turnId);
  }

  /** The turn is parked, and goes on when its limit is lifted. */
  add({ id: turnId, keyId, parked }: LimitedTurn): void {
    if (this.#closed) return;
    this.#keys.set(turnId, keyId);
    const { account, resetsAt, times } = parked.limit;
    const line = this.#lineOf(account);
    if (line.waiting.some((one) => one.turnId === turnId)) return;
    line.waiting.push({ turnId, at: dueAt(Date.parse(resetsAt), times) });
    this.#schedule(account, line);
  }

  /** Takes a turn out that is to be ended. False: it has gone on already. */
  remove(turnId: string): boolean {
    for (const [account, line] of this.#lines) {
      if (line.going === turnId) return false;
      const place = line.waiting.findIndex((one) => one.turnId === turnId);
      if (place === -1) continue;
      line.waiting.splice(place, 1);
      this.#schedule(account, line);
    }
    this.release(turnId);
    return true;
  }

  /** Lets no further turn go on: the next start does. */
  close(): void {
    this.#closed = true;
    for (const { timer } of this.#lines.values()) clearTimeout(timer);
    this.#lines.clear();
  }

  #lineOf(account: string): Line {
    const known = this.#lines.get(account);
    if (known !== undefined) return known;
    const line = { waiting: [], going: undefined, timer: undefined };
    this.#lines.set(account, line);
    return line;
  }

  #schedule(account: string, line: Line): void {
    clearTimeout(line.timer);
    if (line.going !== undefined || this.#closed) return;
    line.waiting.sort((one, other) => one.at - other.at);
    const [first] = line.waiting;
    if (first === undefined) {
      this.#lines.delete(account);
      return;
    }
    const delay = Math.max(0, first.at - Date.now());
    const due = () => (delay > MAX_TIMER_MS ? this.#schedule(account, line) : void this.#next(account, line));
    line.timer = setTimeout(due, Math.min(delay, MAX_TIMER_MS));
  }

  async #next(account: string, line: Line): Promise<void> {
    const first = line.waiting.shift();
    if (first === undefined) return;
    line.going = first.turnId;
    try {
      const turn = await this.#goOn(first.turnId);
      if (turn === undefined) this.release(first.turnId);
      else await this.#untilAnswered(turn, line);
    } catch (error) {
      const message = "a turn that waited for a usage limit could not go on; the next start tries again";
      this.options.log.error({ err: error, turn_id: first.turnId }, message);
    } finally {
      line.going = undefined;
      this.#schedule(account, line);
    }
  }

  /** Resolves when the model answers the turn, or the turn is over. If the limit holds, the others wait with it. */
  async #untilAnswered(turn: GoingTurn, line: Line): Promise<void> {
    const over = turn.ended.then(({ outcome }) => {
      // One that is parked for a decision waits for no limit any more.
      if (outcome.end !== "parked" || outcome.response.code !== "USAGE_LIMIT") this.release(turn.info.id);
      return outcome.response;
    });
    const response = await Promise.race([over, turn.answered]);
    if (response?.code !== "USAGE_LIMIT" || response.resets_at === undefined) return;
    const at = Date.parse(response.resets_at);
    for (const one of line.waiting) one.at = Math.max(one.at, at);
  }
}

/** When a turn goes on, in ms since 1970: a reset in the past must not make it ask again and again. */
function dueAt(resetsAt: number, times: number): number {
  const now = Date.now();
  const backoff = Math.min(MIN_WAIT_MS * 2 ** Math.min(times, 20), MAX_BACKOFF_MS);
  const wait = Math.max(resetsAt - now, backoff);
  return now + wait + Math.random() * Math.min(wait * JITTER_PART, MAX_JITTER_MS);
}
