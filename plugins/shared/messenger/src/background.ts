import type { PluginScope } from "@claudeway/core";

/** Work on one thing of several: a failure is logged, and keeps nothing from the others. Rejects when switched off. */
export async function attempt(
  { log, signal }: Pick<PluginScope, "log" | "signal">,
  what: string,
  work: () => Promise<unknown>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (signal.aborted) throw error;
    log.warn({ err: error }, `${what} failed`);
  }
}

/** Work that nothing waits for: failures are logged, and `close` waits for it. */
export class Background {
  readonly #running = new Set<Promise<void>>();

  constructor(private readonly scope: Pick<PluginScope, "log" | "signal">) {}

  /** @param what names the work in the log: "showing a decision" */
  run(what: string, work: () => Promise<unknown>): void {
    const run = attempt(this.scope, what, work)
      .catch(() => undefined)
      .finally(() => this.#running.delete(run));
    this.#running.add(run);
  }

  /** Resolves when all of it has ended. Call it after the plugin's signal was aborted. */
  async close(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }
}
