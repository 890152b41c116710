import type { NodeStart } from "@claudeway/ports";
import type { Clock } from "./clock.js";
import type { Timing } from "./timing.js";

/** Why a term ended. */
export type TermEnd = "silent" | "buried" | "left";

/**
 * The time in which one incarnation of this node may work. It ends two thirds of the lease after the last confirmed beat was
 * sent; each confirmed beat extends it. Counting from the answer instead would count the time in which the answer was late,
 * or this process was stopped.
 */
export class Term {
  readonly #fence = new AbortController();
  #deadline: number;
  #cancel: () => void = () => undefined;
  #end: TermEnd | undefined;

  /** @param joinedAt when joining was sent, by the clock */
  constructor(
    readonly start: NodeStart,
    joinedAt: number,
    private readonly timing: Pick<Timing, "fence">,
    private readonly clock: Clock,
  ) {
    this.#deadline = joinedAt + timing.fence;
    this.#arm();
  }

  /** Aborted when the term ends. */
  get fenced(): AbortSignal {
    return this.#fence.signal;
  }

  /** Why it ended; undefined while it lasts. */
  get ended(): TermEnd | undefined {
    return this.#end;
  }

  /** How long it lasts without another beat, in ms. */
  get leftMs(): number {
    return this.#deadline - this.clock.now();
  }

  /** Whether this incarnation may work now. A process that was stopped learns it here, before its timers run. */
  get lasts(): boolean {
    if (this.#end === undefined && this.leftMs <= 0) this.end("silent");
    return this.#end === undefined;
  }

  /** A beat was confirmed. Does nothing if that came too late. */
  confirmed(sentAt: number): void {
    if (!this.lasts) return;
    this.#deadline = Math.max(this.#deadline, sentAt + this.timing.fence);
    this.#arm();
  }

  end(why: TermEnd): void {
    if (this.#end !== undefined) return;
    this.#end = why;
    this.#cancel();
    this.#fence.abort(why);
  }

  #arm(): void {
    this.#cancel();
    this.#cancel = this.clock.after(this.leftMs, () => {
      if (this.lasts) this.#arm();
    });
  }
}
