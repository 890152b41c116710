import { GatewayError, type Ledger, LedgerError } from "@claudeway/ports";

/** The interval of checks of the ledger file, in ms. */
const LOOK_EVERY_MS = 5000;
/** `retrySecs`: after which a client may retry. A file must be restored first; a database may be back soon. */
const REMOVED = {
  message:
    "the ledger's file is missing; no new turn begins until it is restored or the gateway is restarted",
  retrySecs: 60,
  over: "the ledger's file is available again",
};
const SILENT = {
  message: "the ledger does not answer; no new turn begins until it does",
  retrySecs: 5,
  over: "the ledger answers again",
};

/**
 * Detects when the ledger's file is removed or replaced while the gateway runs: writes would then succeed, but be lost with
 * the process. Detects, too, when its database does not answer.
 */
export class LedgerWatch {
  #timer: NodeJS.Timeout | undefined;
  #outage: typeof REMOVED | undefined;

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

  /** Throws UNAVAILABLE while the file is missing, or the database does not answer. */
  check(): void {
    if (this.#outage === undefined) return;
    const { message, retrySecs } = this.#outage;
    throw new GatewayError("UNAVAILABLE", message, {
      headers: { "retry-after": String(retrySecs) },
      details: { reason: "ledger_unavailable" },
    });
  }

  async #look(): Promise<void> {
    const problem = await this.ledger.checkFile().then(
      () => undefined,
      (error: unknown) => error,
    );
    const before = this.#outage;
    this.#outage = problem === undefined ? undefined : outageOf(problem);
    if (this.#outage?.message === before?.message) return;
    if (this.#outage !== undefined) this.log.error({ err: problem }, this.#outage.message);
    else if (before !== undefined) this.log.info(before.over);
  }
}

function outageOf(problem: unknown): typeof REMOVED {
  if (!(problem instanceof LedgerError)) return REMOVED;
  if (problem.mayPass) return SILENT;
  return problem.shown === undefined ? REMOVED : { ...REMOVED, message: problem.shown };
}
