import { ERROR_STATUS } from "../error-status.js";
import type { ErrorCode } from "../generated/types.js";
import { type Part, ref } from "./types.js";

interface DocumentedError {
  readonly when: string;
  /** An example of its message. */
  readonly example: string;
}

/**
 * When each error occurs. No operation of the document can return `METHOD_NOT_ALLOWED`, and only plugins return
 * `PAYMENT_REQUIRED`.
 */
const DOCUMENTED: Readonly<
  Record<Exclude<ErrorCode, "METHOD_NOT_ALLOWED" | "PAYMENT_REQUIRED">, DocumentedError>
> = {
  BAD_REQUEST: {
    when: "The body is not JSON, or the body, a parameter or a header does not match this document. The message names the field and what it must be.",
    example: "prompt is missing; it must be a string that is not blank or a list of content blocks",
  },
  UNAUTHORIZED: {
    when: "The key is missing or unknown, or `Authorization` and `x-api-key` differ.",
    example: 'no key: send "Authorization: Bearer <secret>"',
  },
  FORBIDDEN: {
    when: "A plugin refused the request, with its reason, or the route requires the admin's key.",
    example: "the admin's key is required",
  },
  NOT_FOUND: {
    when: "The resource does not exist, was deleted, or belongs to another key; the response is the same.",
    example: "no such session",
  },
  TIMEOUT: {
    when: "The turn exceeded `timeout_secs`.",
    example: "the turn ran past timeout_secs",
  },
  CONFLICT: {
    when: "The request was already decided, the turn waits for no answer, or the `Idempotency-Key` was used with another body.",
    example: "this Idempotency-Key was used with another body",
  },
  PAYLOAD_TOO_LARGE: {
    when: "The body exceeds the size limit of the route.",
    example: "the body must be at most 10485760 bytes",
  },
  UNSUPPORTED_MEDIA_TYPE: {
    when: "The body is not JSON, or is compressed.",
    example: "content-type must be application/json, got text/plain",
  },
  RANGE_NOT_SATISFIABLE: {
    when: "The `Range` begins behind the end of the file; `Content-Range` says how large it is.",
    example: "the range must begin within the file's 2 bytes",
  },
  HEADERS_TOO_LARGE: {
    when: "The headers exceed 16 KiB, or the path and query exceed 8 KiB. The connection is closed.",
    example: "request header fields too large",
  },
  TOO_MANY_REQUESTS: {
    when: "A limit of a plugin was reached, or there were too many refused attempts from this address.",
    example: "too many refused attempts; try again in 4 s",
  },
  INTERNAL_ERROR: {
    when: "An internal error of the gateway or of a plugin. The log has the details under `id`.",
    example: "internal error; quote 9b2f5c0e-6a54-4b0e-8b39-64a1a1b0e0c7",
  },
  BAD_GATEWAY: {
    when: "In a cluster, or behind a proxy: a node that may have received the request gave no answer, so that a turn may have run. Without `Retry-After`; with the same `Idempotency-Key`, a repeat is safe.",
    example: "the node b may have received the request, but did not answer: it may have been carried out",
  },
  UNAVAILABLE: {
    when: "The queue is full, too many bodies are being read at once, the gateway is shutting down, or an interceptor plugin is being restarted.",
    example: "the gateway is shutting down",
  },
};

export type DocumentedCode = keyof typeof DOCUMENTED;

const HEADERS: Partial<Readonly<Record<ErrorCode, Part>>> = {
  UNAUTHORIZED: { "WWW-Authenticate": ref("headers", "WWW-Authenticate") },
  TOO_MANY_REQUESTS: { "Retry-After": ref("headers", "Retry-After") },
  UNAVAILABLE: { "Retry-After": ref("headers", "Retry-After") },
};

/** A plugin may refuse with any 4xx, such as 402. */
const REFUSED = "Refused";

/** The responses of an operation that can return these errors; `"refusal"` is any other 4xx of a plugin. */
export function errorsOf(codes: readonly (DocumentedCode | "refusal")[]): Record<string, Part> {
  return Object.fromEntries(
    codes.map((code) =>
      code === "refusal"
        ? ["4XX", ref("responses", REFUSED)]
        : [String(ERROR_STATUS[code]), ref("responses", code)],
    ),
  );
}

/** Every error as a response component that operations refer to. */
export function errorResponseComponents(): Record<string, Part> {
  const codes = Object.keys(DOCUMENTED) as DocumentedCode[];
  return {
    ...Object.fromEntries(codes.map((code) => [code, responseOf(code, DOCUMENTED[code], HEADERS[code])])),
    [REFUSED]: responseOf("PAYMENT_REQUIRED", {
      when: "A plugin refused the request with another status and its reason.",
      example: "the budget of this month is spent",
    }),
  };
}

function responseOf(code: ErrorCode, { when, example }: DocumentedError, headers: Part = {}): Part {
  return {
    description: when,
    headers: { ...headers, "X-Request-Id": ref("headers", "X-Request-Id") },
    content: {
      "application/json": {
        schema: {
          allOf: [ref("schemas", "ErrorResponse"), { properties: { code: codeIn(code) } }],
        },
        examples: { [code]: { value: { error: example, code, ...idIn(example) } } },
      },
    },
  };
}

/** A plugin that refuses a request may have a code of its own. */
function codeIn(code: ErrorCode): Part {
  if (code === "PAYMENT_REQUIRED") return ref("schemas", "PluginCode");
  return ERROR_STATUS[code] < 500
    ? { anyOf: [{ const: code }, ref("schemas", "PluginCode")] }
    : { const: code };
}

function idIn(message: string): { readonly id?: string } {
  const id = /quote (\S+)$/.exec(message)?.[1];
  return id === undefined ? {} : { id };
}
