import { setTimeout as sleep } from "node:timers/promises";
import { LedgerError } from "@claudeway/ports";

/** The wait after the first failure, in ms; each one is twice as long as the one before, up to the longest. */
const FIRST_WAIT_MS = 100;
const MAX_WAIT_MS = 2000;
/** The interval between log lines while it still fails, in ms. */
const SAY_EVERY_MS = 60_000;

/** Hears of writes that fail, and that succeed at last. */
export interface WriteLog {
  info(message: string): void;
  error(fields: object, message: string): void;
}

/**
 * Retries a ledger write until it succeeds. The cause of a failure, such as a full disk, may pass, and an answer must
 * not be sent before it is recorded. Resolves to what `write` resolves to.
 *
 * @param write must be atomic
 * @param giveUp after it aborts, there is one last try
 * @throws the error of that last try, or at any time an error that waiting can't fix
 */
export async function untilWritten<T>(
  write: () => Promise<T>,
  giveUp: AbortSignal,
  log: WriteLog,
): Promise<T> {
  let saidAt = Number.NEGATIVE_INFINITY;
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, MAX_WAIT_MS)) {
    const isLast = giveUp.aborted;
    try {
      const written = await write();
      if (saidAt !== Number.NEGATIVE_INFINITY) log.info("the turn is now recorded in the ledger");
      return written;
    } catch (error) {
      if (isLast || !(error instanceof LedgerError && error.mayPass)) throw error;
      if (performance.now() - saidAt >= SAY_EVERY_MS) {
        saidAt = performance.now();
        log.error({ err: error }, "could not record a turn in the ledger; retrying until it succeeds");
      }
      // The wait is cut short if retrying is aborted.
      await sleep(waitMs, undefined, { signal: giveUp }).catch(() => undefined);
    }
  }
}
