/** Waits for something, if there is anything to wait for; rejects with the signal's reason where that aborts first. */
export async function unlessAborted(wait: Promise<void> | undefined, signal: AbortSignal): Promise<void> {
  if (signal.aborted) throw signal.reason;
  if (wait === undefined) return;
  let abort: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
  });
  signal.addEventListener("abort", abort, { once: true });
  try {
    await Promise.race([wait, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
