import type { PluginScope } from "@claudeway/core";

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

/** Whether the messenger refuses a message for good: its channel may have removed the bot. */
export function isRejected(error: unknown): boolean {
  return error instanceof MessengerFailure && error.kind === "rejected";
}

/** Resolves also where the messenger refuses a message, which it would again; that is logged. */
export async function unlessRejected(
  { log }: Pick<PluginScope, "log">,
  shown: Promise<unknown>,
): Promise<void> {
  await shown.catch((error: unknown) => {
    if (!isRejected(error)) throw error;
    log.warn({ err: error }, "the messenger does not let a message be changed");
  });
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

/** The system's code for a connection that failed, such as ENOTFOUND. The messages may contain a URL with a token. */
export function connectionCode(error: unknown): string | undefined {
  const seen = new Set<unknown>();
  for (let at = error; typeof at === "object" && at !== null && !seen.has(at); ) {
    seen.add(at);
    if ("code" in at && typeof at.code === "string" && /^[A-Z][A-Z0-9_]{2,40}$/.test(at.code)) return at.code;
    at = "cause" in at ? at.cause : "original" in at ? at.original : undefined;
  }
  return undefined;
}

/** What to say of a connection that failed. */
export function unreachable(error: unknown): string {
  const code = connectionCode(error);
  return code === undefined ? "unreachable" : `unreachable (${code})`;
}

/** The text of an error for the chat: the gateway's own messages are meant for people, others are not shown. */
export function reasonOf(error: unknown): string {
  const meantForPeople = error instanceof Error && (codeOf(error) !== undefined || "reason" in error);
  return meantForPeople ? error.message : "internal error; see the log";
}
