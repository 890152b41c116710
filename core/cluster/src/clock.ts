/** A clock that only goes forward, with timers. Who owns what in a cluster is never decided by a wall clock. */
export interface Clock {
  /** In ms, from an arbitrary start. */
  now(): number;
  /** Calls once after `ms`. Returns what cancels that. */
  after(ms: number, call: () => void): () => void;
}

/** That of this process. */
export const MONOTONIC: Clock = {
  now: () => performance.now(),
  after: (ms, call) => {
    const timer = setTimeout(call, Math.max(0, ms));
    return () => clearTimeout(timer);
  },
};

/** Waits; rejects with the signal's reason if that aborts first. */
export function sleep(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const abort = () => {
      cancel();
      reject(signal.reason);
    };
    const cancel = clock.after(ms, () => {
      signal.removeEventListener("abort", abort);
      resolve();
    });
    signal.addEventListener("abort", abort, { once: true });
  });
}
