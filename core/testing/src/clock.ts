import { AsyncResource } from "node:async_hooks";
import { syncBuiltinESMExports } from "node:module";
import timers from "node:timers";
import promises from "node:timers/promises";
import { promisify } from "node:util";

const REAL = {
  date: Date,
  now: performance.now.bind(performance),
  setTimeout: timers.setTimeout,
  setInterval: timers.setInterval,
  clearTimeout: timers.clearTimeout,
  clearInterval: timers.clearInterval,
  setImmediate: timers.setImmediate,
  sleep: promises.setTimeout,
};
/** The number of event loop iterations after a timer, so that its effects have settled. */
const ROUNDS = 20;
/** A limit for timers that reset themselves at once, which would never let an advance finish. */
const MAX_CALLS = 100_000;

type Call = () => void;

/** A pending timer. */
interface Waiting {
  readonly timer: NodeJS.Timeout;
  readonly call: Call;
  /** What Node's timer calls. */
  readonly onNode: Call;
  readonly repeats: boolean;
  readonly delay: number;
  /** When it is due by this clock, in ms. */
  due: number;
  /** Set once this clock has fired it, which ends Node's timer for good: whether that kept the process alive. */
  hadRef?: boolean;
  /** Node's timer after a later `refresh`. */
  again?: NodeJS.Timeout;
}

/**
 * A clock that runs in real time and can be moved forward. It replaces `Date`, `performance.now` and the timer
 * functions for the whole process. Node's internal timers (sockets, `AbortSignal.timeout`) are not affected.
 */
export class MovableClock {
  static #installed: MovableClock | undefined;
  readonly #waiting = new Map<NodeJS.Timeout, Waiting>();
  #offset = 0;
  /** The real timer for the first timer that is due before Node would fire it. */
  #pump: NodeJS.Timeout | undefined;

  /** Throws if another clock is installed. */
  static install(): MovableClock {
    if (MovableClock.#installed !== undefined) {
      throw new Error("controlTime: another test gateway of this process controls the time; close it first");
    }
    const clock = new MovableClock();
    MovableClock.#installed = clock;
    clock.#replace();
    return clock;
  }

  /** Restores Node's functions. Pending timers fire when Node would have fired them. */
  uninstall(): void {
    REAL.clearTimeout(this.#pump);
    this.#waiting.clear();
    this.#offset = 0;
    const { setTimeout, setInterval, clearTimeout, clearInterval } = REAL;
    put({ ...REAL, timers: { setTimeout, setInterval, clearTimeout, clearInterval } });
    MovableClock.#installed = undefined;
  }

  /**
   * Moves the time forward by `ms`. Timers fire in order when they are due, and their effects settle before the next.
   */
  async advance(ms: number): Promise<void> {
    const target = this.#now() + ms;
    let calls = 0;
    for (let next = this.#first(target); next !== undefined; next = this.#first(target)) {
      if (++calls > MAX_CALLS)
        throw new Error(
          `advance(${ms}): more than ${MAX_CALLS} timers fired; check for a timer that resets itself`,
        );
      this.#moveTo(next.due);
      this.#call(next);
      await settle();
    }
    this.#moveTo(target);
    this.#pumpNext();
    await settle();
  }

  #now(): number {
    return REAL.now() + this.#offset;
  }

  #moveTo(time: number): void {
    this.#offset += Math.max(0, time - this.#now());
  }

  #first(until: number): Waiting | undefined {
    let first: Waiting | undefined;
    for (const one of this.#waiting.values()) if (first === undefined || one.due < first.due) first = one;
    return first !== undefined && first.due <= until ? first : undefined;
  }

  #call(one: Waiting): void {
    if (one.repeats) one.due = this.#now() + one.delay;
    else {
      this.#waiting.delete(one.timer);
      one.hadRef ??= one.timer.hasRef();
      REAL.clearTimeout(one.timer);
      REAL.clearTimeout(one.again);
    }
    one.call();
  }

  /** Schedules timers that became due earlier than Node would fire them. */
  #pumpNext(): void {
    REAL.clearTimeout(this.#pump);
    const first = this.#first(Number.POSITIVE_INFINITY);
    if (first === undefined) return;
    this.#pump = REAL.setTimeout(() => {
      for (let due = this.#first(this.#now()); due !== undefined; due = this.#first(this.#now()))
        this.#call(due);
      this.#pumpNext();
    }, first.due - this.#now());
    // The timers themselves keep the process alive if they are meant to.
    this.#pump.unref();
  }

  #set(call: (...args: unknown[]) => void, ms: number | undefined, args: unknown[], repeats: boolean) {
    const delay = Math.max(1, Number(ms) || 1);
    const bound = AsyncResource.bind(() => call(...args));
    const onNode = () => {
      // A moved interval is fired by the pump, at other times than Node's.
      if (repeats && this.#waiting.has(timer) && one.due > this.#now() + 1) return;
      this.#waiting.delete(timer);
      if (repeats) this.#waiting.set(timer, Object.assign(one, { due: this.#now() + delay }));
      call(...args);
    };
    const timer = repeats ? REAL.setInterval(onNode, delay) : REAL.setTimeout(onNode, delay);
    const one: Waiting = { timer, call: bound, onNode, repeats, delay, due: this.#now() + delay };
    this.#waiting.set(timer, one);
    return this.#watched(one);
  }

  /** Wraps the timer, so that this clock notices calls of its methods. */
  #watched(one: Waiting): NodeJS.Timeout {
    const { timer } = one;
    const { refresh } = timer;
    const close = () => {
      REAL.clearTimeout(one.again);
      this.#clear(timer);
    };
    return Object.assign(timer, {
      refresh: () => {
        one.due = this.#now() + one.delay;
        this.#waiting.set(timer, one);
        if (one.hadRef === undefined) return refresh.call(timer);
        REAL.clearTimeout(one.again);
        one.again = REAL.setTimeout(one.onNode, one.delay);
        if (!one.hadRef) one.again.unref();
        return timer;
      },
      close,
      [Symbol.dispose]: close,
    });
  }

  #clear(timer: NodeJS.Timeout | string | number | undefined): void {
    const known = [...this.#waiting.keys()].find(
      (one) => one === timer || String(Number(one)) === String(timer),
    );
    if (known !== undefined) {
      REAL.clearTimeout(this.#waiting.get(known)?.again);
      this.#waiting.delete(known);
    }
    REAL.clearTimeout(timer);
  }

  #replace(): void {
    const setTimeout = (call: Call, ms?: number, ...args: unknown[]) => this.#set(call, ms, args, false);
    const setInterval = (call: Call, ms?: number, ...args: unknown[]) => this.#set(call, ms, args, true);
    const clear = (timer: NodeJS.Timeout | string | number | undefined) => this.#clear(timer);
    const sleep = (ms?: number, value?: unknown, options: SleepOptions = {}) =>
      sleepOn((call) => this.#set(call, ms, [], false), clear, value, options);
    Object.defineProperty(setTimeout, promisify.custom, { value: sleep });
    const wall = () => Math.ceil(REAL.date.now() + this.#offset);
    put({
      date: new Proxy(REAL.date, {
        construct: (target, args, newTarget) =>
          Reflect.construct(target, args.length > 0 ? args : [wall()], newTarget),
        apply: () => new REAL.date(wall()).toString(),
        get: (target, name) => (name === "now" ? wall : Reflect.get(target, name)),
      }),
      now: () => this.#now(),
      timers: { setTimeout, setInterval, clearTimeout: clear, clearInterval: clear },
      sleep,
    });
  }
}

interface SleepOptions {
  readonly signal?: AbortSignal;
  readonly ref?: boolean;
}

/** `setTimeout` of node:timers/promises. */
function sleepOn(
  set: (call: Call) => NodeJS.Timeout,
  clear: (timer: NodeJS.Timeout) => void,
  value: unknown,
  { signal, ref = true }: SleepOptions,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clear(timer);
      reject(Object.assign(new Error("The operation was aborted", { cause: signal?.reason }), ABORTED));
    };
    const timer = set(() => {
      signal?.removeEventListener("abort", abort);
      resolve(value);
    });
    if (!ref) timer.unref();
    if (signal?.aborted) abort();
    else signal?.addEventListener("abort", abort, { once: true });
  });
}

const ABORTED = { name: "AbortError", code: "ABORT_ERR" };

function put({ date, now, timers: own, sleep }: Record<"date" | "now" | "timers" | "sleep", unknown>): void {
  Object.assign(globalThis, { Date: date }, own);
  Object.assign(timers, own);
  Object.assign(promises, { setTimeout: sleep });
  // Defined on the object itself, which shadows the prototype.
  Object.defineProperty(performance, "now", { value: now, configurable: true, writable: true });
  syncBuiltinESMExports();
}

async function settle(): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) await new Promise((resolve) => REAL.setImmediate(resolve));
}
