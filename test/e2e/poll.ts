import { availableParallelism, loadavg } from "node:os";
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

/** A time limit in s that something must come before, and that must be over after that: longer on a busy machine. */
export function limitSecs(onQuietMachine: number): number {
  const [load = 0] = loadavg();
  return Math.round(onQuietMachine * Math.max(1, load / availableParallelism() / 2) * 10) / 10;
}
