import type { ChatFailure, StreamError } from "@claudeway/chat";
import type { MountError } from "@claudeway/core";

/** An error in the format of Anthropic's API (https://docs.anthropic.com/en/api/errors). */
export interface ErrorBody {
  readonly type: "error";
  readonly error: { readonly type: string; readonly message: string };
}

const TYPES: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  402: "billing_error",
  403: "permission_error",
  404: "not_found_error",
  408: "timeout_error",
  413: "request_too_large",
  429: "rate_limit_error",
  503: "overloaded_error",
  529: "overloaded_error",
};

export function typeOf(status: number): string {
  return TYPES[status] ?? (status >= 500 ? "api_error" : "invalid_request_error");
}

/** Any error below these routes, of the gateway or a plugin. */
export function errorBody({ error, status }: Pick<MountError, "error" | "status">): ErrorBody {
  return { type: "error", error: { type: typeOf(status), message: error } };
}

/** The list of models is for both dialects, and so are its errors. */
export function modelsErrorBody({ error, status, code }: MountError): object {
  const own = status === 401 ? "invalid_api_key" : status === 404 ? "model_not_found" : code.toLowerCase();
  return { type: "error", error: { type: typeOf(status), message: error, param: null, code: own } };
}

/** An overloaded model API has a status of its own in this dialect. */
export function failureBody({ message, status }: ChatFailure) {
  return { status: status === 503 ? 529 : status, body: errorBody({ error: message, status }) };
}

/** An error that ends a stream: its headers are sent, so that it has no status. */
export function streamedError({ message, status }: StreamError): ErrorBody {
  return errorBody({ error: message, status });
}
