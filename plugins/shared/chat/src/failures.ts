import type { TurnResponse } from "@claudeway/core";
import { isFields } from "./fields.js";

/** Why a request of a chat failed on Claude's side, for any dialect. */
export class ChatFailure extends Error {
  override readonly name = "ChatFailure";

  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** Seconds after which another try makes sense; undefined: clients should not repeat the request by themselves. */
    readonly retryAfterSecs?: number,
  ) {
    super(message);
  }
}

/** The status of each failure, and after how many seconds a client may try again. */
const FAILURES: Readonly<Record<string, readonly [status: number, retryAfterSecs?: number]>> = {
  USAGE_LIMIT: [429],
  RATE_LIMITED: [429, 10],
  OVERLOADED: [503, 10],
  API_UNREACHABLE: [502, 10],
  AUTHENTICATION_FAILED: [502],
  MODEL_UNAVAILABLE: [404],
  CONTEXT_TOO_LONG: [400],
  REFUSED: [400],
  OUTPUT_INVALID: [502],
  BUDGET_EXCEEDED: [402],
};

/** The failure of a turn that did not succeed. */
export function failureOf(
  { code = "FAILED", error, resets_at }: TurnResponse,
  now = Date.now(),
): ChatFailure {
  const [status, retryAfterSecs] = FAILURES[code] ?? [500];
  const untilReset =
    resets_at === undefined ? undefined : Math.max(1, Math.ceil((Date.parse(resets_at) - now) / 1000));
  return new ChatFailure(status, code, error ?? "the turn failed", untilReset ?? retryAfterSecs);
}

/** What a client may know of an error. */
export interface StreamError {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/** The same of an error that has a status: a failure, a refusal or an error of the gateway. */
export function errorIn(error: unknown): StreamError | undefined {
  if (!(error instanceof Error && "status" in error)) return undefined;
  const { status, message } = error;
  if (typeof status !== "number") return undefined;
  return { status, message, code: ownCodeOf(error) ?? ("code" in error ? String(error.code) : "REFUSED") };
}

/** The code that a plugin chose for its refusal. */
function ownCodeOf(error: Error): string | undefined {
  const options = "options" in error && isFields(error.options) ? error.options : {};
  const code = options["ownCode"] ?? options["code"];
  return typeof code === "string" ? code : undefined;
}
