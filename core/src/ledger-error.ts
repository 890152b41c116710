/** What went wrong with the ledger, in one line that an operator can act on. */
export class LedgerError extends Error {
  override readonly name = "LedgerError";

  /** @param mayPass true: the same call may succeed later, when somebody has made room, say */
  constructor(
    message: string,
    options?: ErrorOptions,
    readonly mayPass = false,
  ) {
    super(message, options);
  }
}
