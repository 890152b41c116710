/** What ends a run: each of these signals, and time. */
export interface Ends {
  readonly signals: readonly AbortSignal[];
  readonly ms?: number;
}

/**
 * Runs something with a signal that aborts at the first of its ends. Not AbortSignal.any: each one would leave a listener on the
 * plugin's signal, which lives for months, and a timeout that nothing else refers to may be collected before it aborts.
 */
export async function withSignal<T>(
  { signals, ms }: Ends,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const either = new AbortController();
  const abort = () => either.abort();
  const timer = ms === undefined ? undefined : setTimeout(abort, ms);
  for (const signal of signals) {
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
  }
  try {
    return await run(either.signal);
  } finally {
    clearTimeout(timer);
    for (const signal of signals) signal.removeEventListener("abort", abort);
  }
}
