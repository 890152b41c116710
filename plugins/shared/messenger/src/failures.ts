/**
 * Why a message was not delivered. `token`: the messenger refuses the credentials, and the operator must act; `conflict`:
 * another program uses them; `rejected`: this message is refused; `busy`: anything that may succeed later.
 */
export type FailureKind = "token" | "conflict" | "rejected" | "busy";

/** A failed call of a messenger. The message contains no secret. */
export class MessengerFailure extends Error {
  override readonly name = "MessengerFailure";

  constructor(
    readonly kind: FailureKind,
    message: string,
    readonly retryAfterMs?: number,
  ) {
    super(message);
  }
}

const FIRST_WAIT_MS = 500;
const MAX_WAIT_MS = 60_000;

/** Milliseconds to wait after a number of failures in a row. */
export function waitBefore(attempt: number): number {
  return Math.min(FIRST_WAIT_MS * 2 ** attempt, MAX_WAIT_MS);
}

/** The gateway's code of an error, such as CONFLICT. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** The text of an error for the chat: the gateway's own messages are meant for people, others are not shown. */
export function reasonOf(error: unknown): string {
  const meantForPeople = error instanceof Error && (codeOf(error) !== undefined || "reason" in error);
  return meantForPeople ? error.message : "internal error; see the log";
}
