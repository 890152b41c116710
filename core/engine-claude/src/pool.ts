import { unlessAborted } from "@claudeway/core/host";
import type { TaskLoss } from "@claudeway/ports";
import type { Logger } from "pino";
import { residentBytes } from "./proc.js";
import type { ClaudeProcess } from "./process.js";

export interface PoolLimits {
  /** How many processes there are at once, idle ones too. */
  readonly maxProcesses: number;
  /** How long a process is kept between turns, in ms; 0: not at all. */
  readonly idleMs: number;
  /** How long a process is kept for what runs in its background, in ms; 0: no longer than others. */
  readonly backgroundMs: number;
  /** How many processes are kept for that at once, in all and of one key. */
  readonly maxBackground: number;
  readonly maxBackgroundPerKey: number;
  /** A process with more resident memory than this, in bytes, is not kept; 0: no limit. */
  readonly maxMemoryBytes: number;
}

/** A process that may be kept for its session's next turn. */
export interface KeptProcess {
  readonly sessionId: string;
  /** The key that owns the session; undefined if it is not assigned yet. */
  readonly keyId: string | undefined;
  /** Its launch spec; a turn with another one cannot use it. */
  readonly fingerprint: string;
  /**
   * False: the session has gone on elsewhere, and the process knows nothing of it. Not there: it has had no turn yet.
   */
  readonly isCurrent?: (() => boolean) | undefined;
  readonly child: ClaudeProcess;
}

interface IdleProcess extends KeptProcess {
  /** Since when it waits (`performance.now()`). */
  readonly since: number;
  timer: NodeJS.Timeout | undefined;
  /** Since when it is kept for what runs in its background (`performance.now()`); undefined where nothing does. */
  busySince: number | undefined;
}

/** A process that has not answered for this long is hung, in ms. */
const HUNG_MS = 5000;
/** One that ended a turn less than this ago, in ms, is not asked for an answer before the next. */
const FRESH_MS = 10_000;

/**
 * The CLI processes of one gateway, never more than `maxProcesses` at any moment. Sessions keep their processes between
 * turns. If the pool is full, the longest idle process is ended for a new one.
 */
export class ProcessPool {
  /** Those that have been started, or are about to be, and have not gone. */
  #count = 0;
  readonly #live = new Set<ClaudeProcess>();
  /** The longest-waiting one first. */
  readonly #idle = new Map<string, IdleProcess>();
  readonly #waiting: (() => void)[] = [];
  readonly #leaving = new Map<string, Promise<void>>();
  #closed = false;

  constructor(
    private readonly limits: PoolLimits,
    private readonly log: Logger,
  ) {}

  keeps(sessionId: string): boolean {
    return this.#idle.has(sessionId);
  }

  get count(): number {
    return this.#count;
  }

  /** Whether one more could be started without sending another one away. */
  get hasRoom(): boolean {
    return !this.#closed && this.#waiting.length === 0 && this.#count < this.limits.maxProcesses;
  }

  /** Starts a process once the pool is not full; ends an idle one if need be. Rejects with the signal's reason. */
  async start(begin: () => ClaudeProcess, stop?: AbortSignal): Promise<ClaudeProcess> {
    await this.#room(stop);
    try {
      const child = begin();
      this.#live.add(child);
      void child.exited.then(() => this.#gone(child));
      return child;
    } catch (error) {
      this.#count--;
      this.#admit();
      throw error;
    }
  }

  /**
   * The live process that a session kept, if it was started with the same, is current and answers. Waits while the CLI
   * runs a turn of its own, and for a process that is on its way out, so that what it saves is there for the next.
   * Rejects with the signal's reason.
   */
  async take(
    sessionId: string,
    suits: (kept: KeptProcess) => boolean,
    stop: AbortSignal,
  ): Promise<ClaudeProcess | undefined> {
    await this.#leaving.get(sessionId);
    for (let idle = this.#idle.get(sessionId); idle !== undefined; idle = this.#idle.get(sessionId)) {
      const { child, isCurrent } = idle;
      await unlessAborted(child.reader.quiet(), stop);
      const fits = suits(idle) && isCurrent?.() !== false;
      const usable = fits && (await child.answers(HUNG_MS, isFresh(idle)));
      // Meanwhile it may have been sent away, or have begun another turn of its own.
      if (this.#idle.get(sessionId) !== idle || (usable && child.reader.isBusy)) continue;
      this.#unkeep(sessionId);
      if (usable) return child;
      const ending = this.end(sessionId, child, fits ? "now" : "clean", fits ? "died" : "replaced");
      if (isCurrent !== undefined) await ending;
      // A process without a turn has no totals to save, so its end need not be awaited.
      else ending.catch((error: unknown) => this.log.error({ err: error }, "a process did not end"));
      return undefined;
    }
    await this.#leaving.get(sessionId);
    return undefined;
  }

  /** Keeps a process for its session's next turn, or ends it cleanly where it can't be kept. */
  async keep(kept: KeptProcess): Promise<void> {
    const { sessionId, child } = kept;
    const since = performance.now();
    const idle: IdleProcess = {
      ...kept,
      since,
      busySince: isBusy(child) ? since : undefined,
      timer: undefined,
    };
    const ends = this.limits.idleMs === 0 && !this.#isHeld(idle);
    if (this.#closed || ends || !this.#live.has(child)) {
      return this.end(sessionId, child, "clean", this.#closed ? "shutdown" : this.#reasonOf(idle));
    }
    // Before anything is waited for: the session's next turn may come with the answer of this one.
    this.#idle.set(sessionId, idle);
    this.#wait(idle);
    this.#admit();
    if (this.#isTooLarge(child) && this.#idle.get(sessionId)?.child === child)
      await this.#retire(sessionId, "memory");
  }

  /** What runs in the background of the session's process has changed. */
  touch(sessionId: string): void {
    const idle = this.#idle.get(sessionId);
    if (idle === undefined) return;
    if (!isBusy(idle.child)) idle.busySince = undefined;
    else idle.busySince ??= performance.now();
    this.#wait(idle);
    this.#admit();
  }

  /** Ends a session's process; the session's next turn waits for it. */
  end(sessionId: string, child: ClaudeProcess, how: "clean" | "now", why: TaskLoss): Promise<void> {
    const ending = child.end(how, why).finally(() => {
      if (this.#leaving.get(sessionId) === ending) this.#leaving.delete(sessionId);
    });
    this.#leaving.set(sessionId, ending);
    return ending;
  }

  /** Ends the session's process, if any, and waits for one that is already ending. */
  async release(sessionId: string, why: TaskLoss): Promise<void> {
    await this.#retire(sessionId, why);
    await this.#leaving.get(sessionId);
  }

  async releaseAll(why: TaskLoss): Promise<void> {
    await Promise.all([...this.#idle.keys()].map((sessionId) => this.#retire(sessionId, why)));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.releaseAll("shutdown");
    await Promise.all([...this.#live].map((child) => child.end("now", "shutdown")));
    await Promise.all(this.#leaving.values());
  }

  async #room(stop: AbortSignal | undefined): Promise<void> {
    // A process that is started now would never be ended.
    if (this.#closed) throw closing();
    if (this.#count < this.limits.maxProcesses && this.#waiting.length === 0) {
      this.#count++;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const admit = () => {
        stop?.removeEventListener("abort", leave);
        resolve();
      };
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(admit), 1);
        reject(stop?.reason);
      };
      if (stop?.aborted) return reject(stop.reason);
      stop?.addEventListener("abort", leave, { once: true });
      this.#waiting.push(admit);
      this.#admit();
    });
    if (this.#closed) {
      this.#count--;
      // Other waiting callers are notified too.
      this.#admit();
      throw closing();
    }
  }

  /** Lets waiting starts proceed; if the pool is full, ends the longest idle process. */
  #admit(): void {
    while (this.#waiting.length > 0 && this.#count < this.limits.maxProcesses) {
      this.#count++;
      this.#waiting.shift()?.();
    }
    if (this.#waiting.length === 0) return;
    const oldest = [...this.#idle.values()].find((idle) => !this.#isHeld(idle));
    if (oldest !== undefined) void this.#retire(oldest.sessionId, "room");
  }

  #gone(child: ClaudeProcess): void {
    if (!this.#live.delete(child)) return;
    // What the tools of an idle one started may have outlived it.
    for (const idle of this.#idle.values())
      if (idle.child === child) void this.#retire(idle.sessionId, "died");
    this.#count--;
    this.#admit();
  }

  async #retire(sessionId: string, why: TaskLoss): Promise<void> {
    const idle = this.#unkeep(sessionId);
    if (idle !== undefined) await this.end(sessionId, idle.child, "clean", why);
  }

  /** Ends an idle process after its time; one that is held, when it may not be held any longer. */
  #wait(idle: IdleProcess): void {
    const { idleMs, backgroundMs } = this.limits;
    const { busySince } = idle;
    const held = busySince !== undefined && this.#isHeld(idle);
    const ms = held ? Math.max(1, busySince + backgroundMs - performance.now()) : idleMs;
    clearTimeout(idle.timer);
    idle.timer = setTimeout(() => {
      if (this.#isHeld(idle)) this.#wait(idle);
      else void this.#retire(idle.sessionId, this.#reasonOf(idle));
    }, ms);
  }

  /** The reason for ending an idle process other than a full pool. */
  #reasonOf({ busySince }: IdleProcess): TaskLoss {
    return busySince === undefined || this.limits.backgroundMs === 0 ? "idle" : "limit";
  }

  /** Whether it is kept for its background work, past its idle time and even if the pool is full. */
  #isHeld({ busySince, keyId, child }: IdleProcess): boolean {
    const { backgroundMs, maxBackground, maxBackgroundPerKey } = this.limits;
    if (busySince === undefined || performance.now() - busySince >= backgroundMs || backgroundMs === 0)
      return false;
    // Those that were first are held.
    const before = [...this.#idle.values()].filter(
      (other) => other.child !== child && other.busySince !== undefined && other.busySince < busySince,
    );
    const ofKey = before.filter((other) => other.keyId === keyId);
    return before.length < maxBackground && ofKey.length < maxBackgroundPerKey;
  }

  #unkeep(sessionId: string): IdleProcess | undefined {
    const idle = this.#idle.get(sessionId);
    if (idle === undefined) return undefined;
    clearTimeout(idle.timer);
    this.#idle.delete(sessionId);
    return idle;
  }

  #isTooLarge(child: ClaudeProcess): boolean {
    const { maxMemoryBytes } = this.limits;
    if (maxMemoryBytes === 0) return false;
    const { cliPid } = child;
    const bytes = cliPid === undefined ? 0 : residentBytes(cliPid);
    if (bytes <= maxMemoryBytes) return false;
    this.log.info({ pid: child.pid, bytes }, "a process has grown too large and is replaced");
    return true;
  }
}

/** Whether a process without a client's turn is still busy. */
function isBusy({ reader }: ClaudeProcess): boolean {
  return reader.isBusy || reader.tasks.running.length > 0;
}

function isFresh({ since }: IdleProcess): boolean {
  return performance.now() - since < FRESH_MS;
}

function closing(): Error {
  return new Error("the gateway is closing: no process is started any more");
}
