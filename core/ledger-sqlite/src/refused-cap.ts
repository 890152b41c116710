import { statSync } from "node:fs";
import { join } from "node:path";
import { UNAUTHORIZED } from "./audit-writer.js";

/** The average number of lines per second. */
const RATE = 10;
/** The number of lines allowed in a burst. */
const BURST = 50;
/** In bytes per month, including the notices. */
const MONTH_BYTES = 10 * 1024 * 1024;
const NOTICE_BYTES = 512;

/** What to write: the line itself, or a notice. */
export type Admitted = "line" | { readonly notice: string };

/** Limits the log of refused requests, so that unauthenticated clients cannot fill the disk. */
export class RefusedCap {
  #tokens = BURST;
  #filledAt: number;
  #month = "";
  #bytes = 0;
  #suppressed = 0;

  constructor(
    private readonly dir: string,
    private readonly now: () => number,
  ) {
    this.#filledAt = now();
  }

  /** Whether another refused request of the month may be written. Checked before its line is formatted: most are omitted. */
  passes(month: string): boolean {
    if (month !== this.#month) this.#startMonth(month);
    const passes = this.#bytes <= MONTH_BYTES && this.#takeToken();
    if (!passes) this.#suppressed += 1;
    return passes;
  }

  /** What to write for an admitted request with a line of this size. */
  admit(lineBytes: number): Admitted[] {
    if (this.#bytes + lineBytes + 2 * NOTICE_BYTES > MONTH_BYTES) return this.#closeMonth();
    const left = this.takeSuppressed();
    this.#bytes += lineBytes + (left === undefined ? 0 : NOTICE_BYTES);
    return left === undefined ? ["line"] : [{ notice: left }, "line"];
  }

  /** A notice with the number of lines omitted since the last notice; undefined if there are none. */
  takeSuppressed(): string | undefined {
    const count = this.#suppressed;
    if (count === 0) return undefined;
    this.#suppressed = 0;
    return `refused requests omitted here, because there were too many: ${count}`;
  }

  #closeMonth(): Admitted[] {
    this.#bytes = Number.POSITIVE_INFINITY;
    this.#suppressed += 1;
    return [
      {
        notice: `further refused requests are omitted: the limit of ${MONTH_BYTES} bytes per month is reached`,
      },
    ];
  }

  #startMonth(month: string): void {
    this.#month = month;
    try {
      const { size } = statSync(join(this.dir, UNAUTHORIZED, `${month}.log`));
      // A file that was already closed before a restart is not closed again.
      this.#bytes = size + 2 * NOTICE_BYTES > MONTH_BYTES ? Number.POSITIVE_INFINITY : size;
    } catch {
      this.#bytes = 0;
    }
  }

  #takeToken(): boolean {
    const now = this.now();
    // If the clock was set back, the allowance does not change.
    this.#tokens = Math.min(BURST, this.#tokens + (Math.max(0, now - this.#filledAt) * RATE) / 1000);
    this.#filledAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
