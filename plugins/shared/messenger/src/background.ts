import type { PluginScope } from "@claudeway/core";

/** Work that nothing waits for: failures are logged, and `close` waits for it. */
export class Background {
  readonly #running = new Set<Promise<void>>();

  constructor(private readonly scope: Pick<PluginScope, "log" | "signal">) {}

  /** @param what names the work in the log: "showing a decision" */
  run(what: string, work: () => Promise<unknown>): void {
    const run = work()
      .then(() => undefined)
      .catch((error: unknown) => {
        if (!this.scope.signal.aborted) this.scope.log.warn({ err: error }, `${what} failed`);
      })
      .finally(() => this.#running.delete(run));
    this.#running.add(run);
  }

  /** Resolves when all of it has ended. Call it after the plugin's signal was aborted. */
  async close(): Promise<void> {
    await Promise.all(this.#running);
  }
}
