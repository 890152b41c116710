import type { ChatFailure, StreamError } from "@claudeway/chat";
import type { MountError } from "@claudeway/core";

/** An error in the format of OpenAI's API (https://platform.openai.com/docs/guides/error-codes). */
export interface ErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string | null;
  };
}

/** The type and code that clients look for, by code of the gateway or of a failure on Claude's side. */
const KNOWN: Readonly<Record<string, readonly [type: string, code: string | null]>> = {
  INTERNAL_ERROR: ["server_error", "server_error"],
  BAD_REQUEST: ["invalid_request_error", null],
  UNAUTHORIZED: ["invalid_request_error", "invalid_api_key"],
  PAYMENT_REQUIRED: ["insufficient_quota", "insufficient_quota"],
  BUDGET_EXCEEDED: ["insufficient_quota", "insufficient_quota"],
  TOO_MANY_REQUESTS: ["rate_limit_error", "rate_limit_exceeded"],
  RATE_LIMITED: ["rate_limit_error", "rate_limit_exceeded"],
  USAGE_LIMIT: ["rate_limit_error", "usage_limit_reached"],
  CONTEXT_TOO_LONG: ["invalid_request_error", "context_length_exceeded"],
  MODEL_UNAVAILABLE: ["invalid_request_error", "model_not_found"],
  INVALID_REQUEST: ["invalid_request_error", null],
  REFUSED: ["invalid_request_error", "content_filter"],
};

/** Any error below `/v1`, of the gateway or a plugin. */
export function errorBody({ error: message, code, status, details = {} }: MountError): ErrorBody {
  const { param, code: own } = details;
  const [type, known] = KNOWN[code] ?? [typeOf(status), code.toLowerCase()];
  return {
    error: {
      message,
      type,
      param: typeof param === "string" ? param : null,
      code: typeof own === "string" ? own : known,
    },
  };
}

export function failureBody({ message, code, status }: ChatFailure) {
  return { status, body: errorBody({ error: message, code, status }) };
}

/** An error that ends a stream: its headers are sent, so that it has no status. */
export function streamedError({ message, code, status }: StreamError): ErrorBody {
  return errorBody({ error: message, code, status });
}

function typeOf(status: number): string {
  return status >= 500 ? "server_error" : "invalid_request_error";
}
