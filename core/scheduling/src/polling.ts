export interface PollingOptions {
  readonly everyMs: number;
  /** Looks once. Resolves to whether there is something to look for still. */
  readonly look: () => Promise<boolean>;
  /** Called with the error of a look that failed; the next one follows all the same. */
  readonly failed: (error: unknown) => void;
}

/** Looks again and again, while there is something to look for. */
export class Polling {
  #timer: NodeJS.Timeout | undefined;
  #looking = false;
  #closed = false;

  constructor(private readonly options: PollingOptions) {}

  /** There is something to look for. */
  begin(): void {
    if (this.#timer !== undefined || this.#looking || this.#closed) return;
    this.#timer = setTimeout(() => void this.#look(), this.options.everyMs).unref();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  async #look(): Promise<void> {
    this.#timer = undefined;
    this.#looking = true;
    let again = true;
    try {
      again = await this.options.look();
    } catch (error) {
      this.options.failed(error);
    }
    this.#looking = false;
    if (again) this.begin();
  }
}
