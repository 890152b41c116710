import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import type { ProcessPool } from "./pool.js";
import type { ClaudeProcess } from "./process.js";

/** What a process is started with. Two turns may use the same one, or one started ahead, only if theirs are equal. */
export interface LaunchSpec {
  /** What can't change while the process lives. */
  readonly fingerprint: string;
  /** Starts it, with the CLI's session under this id. */
  readonly start: (sessionId: string) => ClaudeProcess;
}

/** How many of the latest tasks count for what is requested most. */
const REMEMBERED = 50;
/** What is started with more than this (a long system prompt, say) is not remembered, in characters. */
const MAX_REMEMBERED = 128 * 1024;
/**
 * A spare is made when no task has ended for this long, in ms, and a core is idle: a burst needs the processor itself.
 */
const QUIET_MS = 150;
/** How long a prewarmed process may take until it is ready, in ms. */
const READY_MS = 30_000;

/**
 * Processes that were started ahead for one-shot tasks. Each waits in the pool under its own session id. A task that
 * reserves that id finds the process there. Each id is used once.
 */
export class PrewarmedProcesses {
  readonly #recent: LaunchSpec[] = [];
  readonly #ready: string[] = [];
  #making = 0;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(
    private readonly pool: ProcessPool,
    private readonly count: number,
    /** Whether the machine has a core to spare for starting a process. */
    private readonly isQuiet: () => boolean,
    private readonly log: Logger,
  ) {}

  /** The id of a process that is ready, for the next task; it is handed out once. */
  reserve(): string | undefined {
    for (let id = this.#ready.shift(); id !== undefined; id = this.#ready.shift()) {
      if (this.pool.keeps(id)) return id;
    }
    return undefined;
  }

  /** A task asked for this; in a quiet moment spares are made of what is asked for most. */
  asked(launchSpec: LaunchSpec): void {
    if (launchSpec.fingerprint.length <= MAX_REMEMBERED) this.#recent.push(launchSpec);
    if (this.#recent.length > REMEMBERED) this.#recent.shift();
    this.makeSoon();
  }

  /** What processes start with has changed: forgets what was asked for. The pool lets go of those that are there. */
  forget(): void {
    this.#recent.length = 0;
    this.#ready.length = 0;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  /** Makes what is missing in the next quiet moment. */
  makeSoon(): void {
    if (this.count === 0 || this.#closed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#make(), QUIET_MS);
    this.#timer.unref();
  }

  async #make(): Promise<void> {
    const missing = this.count - this.#ready.filter((id) => this.pool.keeps(id)).length - this.#making;
    const launchSpec = this.#favourite();
    if (missing <= 0 || launchSpec === undefined || this.#closed) return;
    if (!this.isQuiet() || !this.pool.hasRoom) {
      this.makeSoon();
      return;
    }
    this.#making++;
    try {
      const id = randomUUID();
      const child = await this.pool.start(() => launchSpec.start(id));
      if (await child.answers(READY_MS)) {
        await this.pool.keep({ sessionId: id, keyId: undefined, fingerprint: launchSpec.fingerprint, child });
        this.#ready.push(id);
      } else await this.pool.end(id, child, "now", "died");
    } catch (error) {
      if (!this.#closed) this.log.warn({ err: error }, "no process could be started ahead");
    } finally {
      this.#making--;
    }
    if (missing > 1) this.makeSoon();
  }

  #favourite(): LaunchSpec | undefined {
    const counts = new Map<string, number>();
    for (const { fingerprint } of this.#recent) counts.set(fingerprint, (counts.get(fingerprint) ?? 0) + 1);
    const most = Math.max(0, ...counts.values());
    return this.#recent.findLast(({ fingerprint }) => counts.get(fingerprint) === most);
  }
}
