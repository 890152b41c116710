/** A fault of the ledger, as one line for the operator. */
export class LedgerError extends Error {
  override readonly name = "LedgerError";

  /** @param mayPass true if the same call may succeed later, for instance after disk space was freed */
  constructor(
    message: string,
    options?: ErrorOptions,
    readonly mayPass = false,
  ) {
    super(message, options);
  }
}
