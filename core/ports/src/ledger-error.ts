/** A fault of the ledger, as one line for the operator. */
export class LedgerError extends Error {
  override readonly name = "LedgerError";

  /**
   * @param mayPass true if the same call may succeed later, for instance after disk space was freed
   * @param shown what clients are told instead of "the ledger does not answer"
   */
  constructor(
    message: string,
    options?: ErrorOptions,
    readonly mayPass = false,
    readonly shown?: string,
  ) {
    super(message, options);
  }
}

/** The connection was lost during a commit: whether the write took place is unknown, so it must not be repeated. */
export class CommitInDoubt extends LedgerError {}

/**
 * The ledger refuses a write for a session under an epoch that is no longer the session's: it was freed, and another node
 * may have it. Nothing was written.
 */
export class FencedError extends Error {
  override readonly name = "FencedError";

  constructor(readonly sessionId: string) {
    super(`session ${sessionId} no longer belongs to this node`);
  }
}
