import { setTimeout as sleep } from "node:timers/promises";
import type { Singletons } from "@claudeway/ports";
import type { Logger } from "pino";

/** Delay before work that failed is tried again, in ms. */
const RETRY_MS = 5000;

/** Of a gateway that has its ledger alone: it leads at once, and for as long as it runs. */
export const ALONE: Singletons = Object.freeze({
  lead: (_name: string, work: (lost: AbortSignal) => Promise<void>, stop: AbortSignal) => work(stop),
});

export interface LeadingOptions {
  readonly plugin: string;
  readonly singletons: Singletons;
  readonly log: Logger;
  /** Aborted when the plugin is disabled. */
  readonly signal: AbortSignal;
}

/** Work of a plugin that one gateway does for all. */
export type LeadWork = (signal: AbortSignal) => Promise<void>;

/**
 * Does the work whenever this gateway leads, until it ends by itself or the plugin is disabled. Work that fails is begun
 * again. Never rejects.
 */
export async function leadAgain(options: LeadingOptions, name: string, work: LeadWork): Promise<void> {
  const { singletons, plugin, signal, log } = options;
  let isDone = false;
  const term = async (lost: AbortSignal): Promise<void> => {
    const ends = anyOf(lost, signal);
    try {
      await work(ends.signal);
      isDone = !ends.signal.aborted;
    } finally {
      ends.release();
    }
  };
  while (!signal.aborted && !isDone) {
    try {
      await singletons.lead(`plugin/${plugin}/${name}`, term, signal);
    } catch (error) {
      if (signal.aborted) return;
      log.error({ err: error }, `plugin ${plugin}: ${name} failed; beginning it again`);
      await sleep(RETRY_MS, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }
}

/** Not AbortSignal.any: each one would leave a listener on the plugin's signal, which lives for months. */
function anyOf(one: AbortSignal, other: AbortSignal) {
  const either = new AbortController();
  const sources = new Set([one, other]);
  const abort = () => either.abort();
  for (const source of sources) {
    if (source.aborted) abort();
    source.addEventListener("abort", abort, { once: true });
  }
  const release = () => {
    for (const source of sources) source.removeEventListener("abort", abort);
  };
  return { signal: either.signal, release };
}
