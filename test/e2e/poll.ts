import { setTimeout as sleep } from "node:timers/promises";

/** Long enough for a machine that does thirty things at once; only what is about time itself waits for less. */
export const PATIENCE_MS = 150_000;

/** Waits until `look` answers with something; rejects, naming `what`, when that takes longer than `ms`. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  ms = PATIENCE_MS,
): Promise<T> {
  const deadline = performance.now() + ms;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`);
    await sleep(20);
  }
}
