/** The part of pino's interface that is used. */
export interface WarnLogger {
  warn(fields: object, message: string): void;
}

/** Counts lost lines and logs them: the first loss at once, then at most once per interval with the count since. */
export class LossReport {
  #lost = 0;
  #reason = "";
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly log: WarnLogger,
    private readonly everyMs: number,
  ) {}

  add(lines: number, reason: string): void {
    this.#lost += lines;
    this.#reason = reason;
    if (this.#timer === undefined) this.#say();
  }

  /** Logs losses that have not been logged yet. */
  close(): void {
    clearTimeout(this.#timer);
    if (this.#lost > 0) this.#warn();
  }

  #say(): void {
    this.#warn();
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#lost > 0) this.#say();
    }, this.everyMs);
    this.#timer.unref();
  }

  #warn(): void {
    this.log.warn(
      { lost_lines: this.#lost },
      `audit log: lines not written: ${this.#lost} (${this.#reason})`,
    );
    this.#lost = 0;
  }
}
