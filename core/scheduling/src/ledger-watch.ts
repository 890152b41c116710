import { GatewayError, type Ledger } from "@claudeway/ports";

/** The interval of checks of the ledger file, in ms. */
const LOOK_EVERY_MS = 5000;
/** Seconds after which a client may retry: the file must be restored first. */
const RETRY_SECS = 60;
const REMOVED =
  "the ledger's file is missing; no new turn begins until it is restored or the gateway is restarted";

/**
 * Detects when the ledger's file is removed or replaced while the gateway runs. Writes would then succeed, but be lost
 * with the process.
 */
export class LedgerWatch {
  #timer: NodeJS.Timeout | undefined;
  #isGone = false;

  constructor(
    private readonly ledger: Pick<Ledger, "checkFile">,
    private readonly log: {
      error(fields: object, message: string): void;
      info(message: string): void;
    },
  ) {}

  start(): void {
    this.#timer = setInterval(() => void this.#look(), LOOK_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Throws UNAVAILABLE while the file is missing. */
  check(): void {
    if (!this.#isGone) return;
    throw new GatewayError("UNAVAILABLE", REMOVED, {
      headers: { "retry-after": String(RETRY_SECS) },
      details: { reason: "ledger_unavailable" },
    });
  }

  async #look(): Promise<void> {
    const problem = await this.ledger.checkFile().then(
      () => undefined,
      (error: unknown) => error,
    );
    const isGone = problem !== undefined;
    if (isGone === this.#isGone) return;
    this.#isGone = isGone;
    if (isGone) this.log.error({ err: problem }, REMOVED);
    else this.log.info("the ledger's file is available again");
  }
}
