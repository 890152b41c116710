import { validateHeaderName, validateHeaderValue } from "node:http";
import { ERROR_STATUS, type ErrorCode, type ErrorResponse } from "@claudeway/schemas";
import type { NodeAddress } from "./cluster.js";
import { CommitInDoubt, LedgerError } from "./ledger-error.js";

/** False for codes without an HTTP status: a failure on Claude's side is a normal response. */
export function isErrorCode(code: string | undefined): code is ErrorCode {
  return code !== undefined && Object.hasOwn(ERROR_STATUS, code);
}

/** An error for the client. Its message is shown, so it must not contain secrets. */
export class GatewayError extends Error {
  override readonly name = "GatewayError";
  readonly status: number;

  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly options: {
      readonly status?: number;
      readonly headers?: Readonly<Record<string, string>>;
      /** Shown instead of the code: a plugin's own. */
      readonly ownCode?: string | undefined;
      /** Further fields of the response. */
      readonly details?: Pick<
        ErrorResponse,
        "approval_id" | "cause" | "id" | "reason" | "details" | "turn_id"
      >;
    } = {},
  ) {
    super(message);
    this.status = options.status ?? ERROR_STATUS[code];
  }
}

/** 503: the client should ask again after so many seconds (`Retry-After`). */
export function retryLater(message: string, secs: number): GatewayError {
  return clientError("UNAVAILABLE", message, { headers: { "retry-after": String(secs) } });
}

/** Nothing of the request was begun here: it may be sent again, to this node or to another. */
export class NotBegun extends GatewayError {}

/** Seconds after which a client may ask again for what another node has. */
const ELSEWHERE_RETRY_SECS = 1;

/** What is asked for is at another node: the request is passed on to it, if that is still possible. */
export class Elsewhere extends NotBegun {
  constructor(readonly node: NodeAddress) {
    super("UNAVAILABLE", `the node ${node.node} has what was asked for; try again`, {
      headers: { "retry-after": String(ELSEWHERE_RETRY_SECS) },
    });
  }
}

/**
 * An answer to a mistake of the client. It has no stack trace: none is ever read, and capturing one would cost a large part
 * of the answer.
 */
export function clientError(...args: ConstructorParameters<typeof GatewayError>): GatewayError {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return new GatewayError(...args);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

// Two copies of this package may be loaded (a plugin's own and the gateway's), so `instanceof` does not work.
const REFUSAL = Symbol.for("claudeway.Refusal");

export interface RefusalOptions {
  /** Seconds that the client should wait; sent as `Retry-After`. */
  readonly retryAfterSecs?: number;
  /** The `code` of the response, such as `BUDGET_EXCEEDED`, instead of the status's own. */
  readonly code?: string;
  /** Headers of the response. A turn that is refused after its stream has begun cannot send them any more. */
  readonly headers?: Readonly<Record<string, string>>;
  /** What the response says to programs, as `details`: plain data. */
  readonly details?: Readonly<Record<string, unknown>>;
}

const OWN_CODE = /^[A-Z][A-Z0-9_]{2,63}$/;

/**
 * Thrown by a plugin (or returned from `authenticate`, `request` or `backgroundTurn`) to refuse something, with a reason for the client. `status`
 * must be a 4xx; anything else throws a RangeError, and options that cannot be sent a TypeError.
 */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly [REFUSAL] = true;

  constructor(
    readonly status: number,
    readonly reason: string,
    readonly options: RefusalOptions = {},
  ) {
    if (!Number.isInteger(status) || status < 400 || status > 499) {
      throw new RangeError(`Refusal: status must be from 400 to 499, got ${status}`);
    }
    const { code, headers = {}, details } = options;
    if (code !== undefined && !OWN_CODE.test(code)) {
      throw new TypeError(`Refusal: code must be like BUDGET_EXCEEDED, got ${JSON.stringify(code)}`);
    }
    for (const [name, value] of Object.entries(headers)) {
      validateHeaderName(name);
      validateHeaderValue(name, value);
    }
    // Throws if it has a cycle.
    JSON.stringify(details);
    super(reason);
  }
}

export function isRefusal(value: unknown): value is Refusal {
  return typeof value === "object" && value !== null && REFUSAL in value;
}

/** The client's view of a refusal: keeps the status; the code is `FORBIDDEN` if the status has none of its own. */
export function refusalToError(refusal: Refusal): GatewayError {
  const own = (Object.keys(ERROR_STATUS) as ErrorCode[]).find(
    (code) => ERROR_STATUS[code] === refusal.status,
  );
  const retryAfter = refusal.options.retryAfterSecs ?? (refusal.status === 429 ? 1 : undefined);
  const { code, headers, details } = refusal.options;
  return new GatewayError(own ?? "FORBIDDEN", refusal.reason, {
    status: refusal.status,
    ownCode: code,
    headers: {
      // RFC 9110, 11.6.1: each 401 has it.
      ...(refusal.status === 401 && { "www-authenticate": "Bearer" }),
      ...(retryAfter !== undefined && { "retry-after": wholeSeconds(retryAfter) }),
      ...headers,
    },
    ...(details !== undefined && { details: { details: { ...details } } }),
  });
}

const OUTAGE_SECS = 5;

/** The error that a client may see, or undefined for a defect of the gateway. A fault of the ledger that may pass is not a defect. */
export function toGatewayError(thrown: unknown): GatewayError | undefined {
  if (thrown instanceof GatewayError) return thrown;
  if (isRefusal(thrown)) return refusalToError(thrown);
  if (!(thrown instanceof CommitInDoubt || (thrown instanceof LedgerError && thrown.mayPass)))
    return undefined;
  return new GatewayError("UNAVAILABLE", thrown.shown ?? "the ledger does not answer", {
    headers: { "retry-after": String(OUTAGE_SECS) },
    details: { reason: "ledger_unavailable" },
  });
}

/** Rounds and clamps: a plugin may compute a time in the past or Infinity, and `Retry-After` is an integer. */
function wholeSeconds(secs: number): string {
  return Number.isFinite(secs) ? String(Math.max(0, Math.ceil(secs))) : "1";
}

/** The message of any thrown value, whatever a plugin threw. */
export function messageOf(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message : error);
  } catch {
    return "a value that cannot be converted to text was thrown";
  }
}
