/** A deadline was missed. */
export class DeadlineError extends Error {
  override readonly name = "DeadlineError";
}

/**
 * Resolves or rejects as `work` does, rejects with `late()` after `ms`, or with the signal's reason if that aborts
 * first. The work itself cannot be stopped; its later outcome is ignored, even a rejection.
 */
export function within<T>(
  work: PromiseLike<T>,
  ms: number,
  late: () => Error,
  signal?: AbortSignal,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    };
    const onAbort = (): void => {
      settle();
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      settle();
      reject(late());
    }, ms);
    signal?.addEventListener("abort", onAbort, { once: true });
    if (signal?.aborted) onAbort();
    // `then` may be a plugin's own and throw; a native promise converts that to a rejection.
    Promise.resolve(work).then(
      (value) => {
        settle();
        resolve(value);
      },
      (error: unknown) => {
        settle();
        reject(error);
      },
    );
  });
}

export function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

/** `1500` → `1.5 s`, `40` → `40 ms`. */
export function inWords(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${Number((ms / 1000).toFixed(1))} s`;
}
