import { SetupCancelled } from "./cancelled.js";

/** Runs an operation between two questions; Ctrl-C aborts it and rejects with `SetupCancelled`. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const abort = new AbortController();
  let interrupt: () => void = () => undefined;
  const interrupted = new Promise<never>((_, reject) => {
    interrupt = () => {
      abort.abort();
      reject(new SetupCancelled());
    };
  });
  process.once("SIGINT", interrupt);
  try {
    return await Promise.race([work(abort.signal), interrupted]);
  } finally {
    process.off("SIGINT", interrupt);
    abort.abort();
  }
}
