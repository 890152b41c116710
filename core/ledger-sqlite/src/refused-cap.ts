import { statSync } from "node:fs";
import { join } from "node:path";
import { UNAUTHORIZED } from "./audit-writer.js";

/** Lines a second, in the long run. */
const RATE = 10;
/** Lines that may come at once. */
const BURST = 50;
/** Bytes a month, with room kept for the notices. */
const MONTH_BYTES = 10 * 1024 * 1024;
const NOTICE_BYTES = 512;

/** What to write: the line itself, or a notice of ours. */
export type Admitted = "line" | { readonly notice: string };

/** Keeps strangers from filling the disk with refused requests. */
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

  /** Whether one more refused request of that month may be written, asked before its line is made: most are left out. */
  passes(month: string): boolean {
    if (month !== this.#month) this.#startMonth(month);
    const passes = this.#bytes <= MONTH_BYTES && this.#takeToken();
    if (!passes) this.#suppressed += 1;
    return passes;
  }

  /** What to write for a request that passed, whose line has so many bytes. */
  admit(lineBytes: number): Admitted[] {
    if (this.#bytes + lineBytes + 2 * NOTICE_BYTES > MONTH_BYTES) return this.#closeMonth();
    const left = this.takeSuppressed();
    this.#bytes += lineBytes + (left === undefined ? 0 : NOTICE_BYTES);
    return left === undefined ? ["line"] : [{ notice: left }, "line"];
  }

  /** A notice of how many lines were left out since the last one; undefined if none. */
  takeSuppressed(): string | undefined {
    const count = this.#suppressed;
    if (count === 0) return undefined;
    this.#suppressed = 0;
    return `refused requests left out here, because there were too many: ${count}`;
  }

  #closeMonth(): Admitted[] {
    this.#bytes = Number.POSITIVE_INFINITY;
    this.#suppressed += 1;
    return [
      { notice: `refused requests are left out from here on: this month has its ${MONTH_BYTES} bytes` },
    ];
  }

  #startMonth(month: string): void {
    this.#month = month;
    try {
      const { size } = statSync(join(this.dir, UNAUTHORIZED, `${month}.log`));
      // A file that was closed already, before a restart, is not closed again.
      this.#bytes = size + 2 * NOTICE_BYTES > MONTH_BYTES ? Number.POSITIVE_INFINITY : size;
    } catch {
      this.#bytes = 0;
    }
  }

  #takeToken(): boolean {
    const now = this.now();
    // A clock that was set back gives nothing, and takes nothing away.
    this.#tokens = Math.min(BURST, this.#tokens + (Math.max(0, now - this.#filledAt) * RATE) / 1000);
    this.#filledAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
