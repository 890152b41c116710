import { readFileSync } from "node:fs";
import { unlessAborted } from "@claudeway/core/host";
import type { Logger } from "pino";
import type { ClaudeProcess } from "./process.js";

export interface PoolLimits {
  /** How many processes there are at once, idle ones too. */
  readonly maxProcesses: number;
  /** How long a process is kept between turns, in ms; 0: not at all. */
  readonly idleMs: number;
  /** A process with more resident memory than this, in bytes, is not kept; 0: no limit. */
  readonly maxMemoryBytes: number;
}

/** A process that waits for its session's next turn. */
interface IdleProcess {
  readonly sessionId: string;
  /** What it was started with; a turn that asks for anything else does not get it. */
  readonly fingerprint: string;
  /** False: the session has gone on elsewhere, and the process knows nothing of it. Not there: it has had no turn yet. */
  readonly isCurrent: (() => boolean) | undefined;
  readonly child: ClaudeProcess;
  readonly timer: NodeJS.Timeout;
}

/** A process that has not answered for this long is hung, in ms. */
const HUNG_MS = 5000;

/**
 * The processes of one gateway: never more than so many, not even for a moment. Sessions keep theirs between turns; the
 * one that has been idle longest makes room for a new one.
 */
export class ProcessPool {
  /** Those that have been started, or are about to be, and have not gone. */
  #count = 0;
  readonly #live = new Set<ClaudeProcess>();
  /** The one that has waited longest first. */
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

  /** Starts a process when there is room for one; an idle one makes it. Rejects with the signal's reason. */
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
  async take(sessionId: string, fingerprint: string, stop: AbortSignal): Promise<ClaudeProcess | undefined> {
    await this.#leaving.get(sessionId);
    for (let idle = this.#idle.get(sessionId); idle !== undefined; idle = this.#idle.get(sessionId)) {
      const { child, isCurrent } = idle;
      await unlessAborted(child.reader.quiet(), stop);
      const fits = idle.fingerprint === fingerprint && isCurrent?.() !== false;
      const usable = fits && (await child.answers(HUNG_MS));
      // Meanwhile it may have been sent away, or have begun another turn of its own.
      if (this.#idle.get(sessionId) !== idle || (usable && child.reader.isBusy)) continue;
      this.#unkeep(sessionId);
      if (usable) return child;
      const ending = this.end(sessionId, child, fits ? "now" : "clean");
      if (isCurrent !== undefined) await ending;
      // One that has had no turn saves nothing: nobody has to wait for it.
      else ending.catch((error: unknown) => this.log.error({ err: error }, "a process did not end"));
      return undefined;
    }
    await this.#leaving.get(sessionId);
    return undefined;
  }

  /** Keeps a process for its session's next turn, or ends it cleanly where it can't be kept. */
  async keep(
    sessionId: string,
    fingerprint: string,
    child: ClaudeProcess,
    isCurrent?: () => boolean,
  ): Promise<void> {
    if (this.#closed || this.limits.idleMs === 0 || !this.#live.has(child)) {
      return this.end(sessionId, child, "clean");
    }
    const timer = setTimeout(() => this.#retire(sessionId), this.limits.idleMs);
    // Before anything is waited for: the session's next turn may come with the answer of this one.
    this.#idle.set(sessionId, { sessionId, fingerprint, isCurrent, child, timer });
    this.#admit();
    if (this.#isTooLarge(child) && this.#idle.get(sessionId)?.child === child) await this.#retire(sessionId);
  }

  /** Ends a session's process; the session's next turn waits for it. */
  end(sessionId: string, child: ClaudeProcess, how: "clean" | "now"): Promise<void> {
    const ending = child.end(how).finally(() => {
      if (this.#leaving.get(sessionId) === ending) this.#leaving.delete(sessionId);
    });
    this.#leaving.set(sessionId, ending);
    return ending;
  }

  /** Ends the process that a session keeps, if any, and waits for one that is on its way out. */
  async release(sessionId: string): Promise<void> {
    await this.#retire(sessionId);
    await this.#leaving.get(sessionId);
  }

  async releaseAll(): Promise<void> {
    await Promise.all([...this.#idle.keys()].map((sessionId) => this.#retire(sessionId)));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.releaseAll();
    await Promise.all([...this.#live].map((child) => child.end("now")));
    await Promise.all(this.#leaving.values());
  }

  async #room(stop: AbortSignal | undefined): Promise<void> {
    // Nobody would end what is started now.
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
      // The others who wait hear of it too.
      this.#admit();
      throw closing();
    }
  }

  /** Lets those that wait for room start; where there is none, the longest idle process is sent away. */
  #admit(): void {
    while (this.#waiting.length > 0 && this.#count < this.limits.maxProcesses) {
      this.#count++;
      this.#waiting.shift()?.();
    }
    const [oldest] = this.#idle.keys();
    if (this.#waiting.length > 0 && oldest !== undefined) void this.#retire(oldest);
  }

  #gone(child: ClaudeProcess): void {
    if (!this.#live.delete(child)) return;
    // What the tools of an idle one started may have outlived it.
    for (const idle of this.#idle.values()) if (idle.child === child) void this.#retire(idle.sessionId);
    this.#count--;
    this.#admit();
  }

  async #retire(sessionId: string): Promise<void> {
    const idle = this.#unkeep(sessionId);
    if (idle !== undefined) await this.end(sessionId, idle.child, "clean");
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
    const bytes = residentBytes(child.pid);
    if (bytes <= maxMemoryBytes) return false;
    this.log.info({ pid: child.pid, bytes }, "a process has grown too large and is replaced");
    return true;
  }
}

function closing(): Error {
  return new Error("the gateway is closing: no process is started any more");
}

/**
 * A process's resident memory, from `VmRSS` in /proc/PID/status (proc(5)); 0 where that is not known. Read at once: this
 * file is in memory, and a thread for it costs more than the look.
 */
function residentBytes(pid: number | undefined): number {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1];
    return Number(kilobytes ?? 0) * 1024;
  } catch {
    return 0;
  }
}
