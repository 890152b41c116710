/** Lets one waiter sleep until somebody has something for it; a call while nobody waits is not lost. */
export class Wake {
  #called = false;
  #resolve: (() => void) | undefined;

  call(): void {
    this.#called = true;
    this.#resolve?.();
  }

  /** True: it was called; false: `ms` have passed. */
  async wait(ms: number): Promise<boolean> {
    if (!this.#called) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#resolve = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#resolve = undefined;
    }
    const called = this.#called;
    this.#called = false;
    return called;
  }
}
