import { ERROR_STATUS } from "../error-status.js";
import type { ErrorCode } from "../generated/types.js";
import { type Part, ref } from "./types.js";

interface Told {
  readonly when: string;
  /** What the gateway says in such a case. */
  readonly example: string;
}

/** When each error comes. `METHOD_NOT_ALLOWED` is not among them: no operation of the document can give it. */
const TOLD: Readonly<Record<Exclude<ErrorCode, "METHOD_NOT_ALLOWED">, Told>> = {
  BAD_REQUEST: {
    when: "The body is not JSON, or it, a parameter or a header is not as this document says. The message names the field and what it takes.",
    example: "prompt: missing; takes a string that is not empty",
  },
  UNAUTHORIZED: {
    when: "No key, or a wrong one.",
    example: 'no key: send "Authorization: Bearer <secret>"',
  },
  FORBIDDEN: {
    when: "A plugin refused it, with its reason, or it takes the admin's key.",
    example: "this takes the admin's key",
  },
  NOT_FOUND: {
    when: "There is no such thing, it was deleted, or it belongs to another key: these look the same.",
    example: "no such session",
  },
  TIMEOUT: {
    when: "The turn ran past `timeout_secs`.",
    example: "the turn ran past timeout_secs",
  },
  CONFLICT: {
    when: "It was decided before, or the `Idempotency-Key` was used with another body.",
    example: "this Idempotency-Key was used with another body",
  },
  PAYLOAD_TOO_LARGE: {
    when: "The body is larger than the gateway takes there.",
    example: "the body is larger than 10485760 bytes",
  },
  UNSUPPORTED_MEDIA_TYPE: {
    when: "There is a body, and it is not JSON or is compressed.",
    example: "content-type is text/plain; it takes application/json",
  },
  HEADERS_TOO_LARGE: {
    when: "The headers are larger than 16 KiB, or the path and query than 8 KiB. The connection is closed.",
    example: "request header fields too large",
  },
  TOO_MANY_REQUESTS: {
    when: "A plugin's limit, or too many refused attempts from this address.",
    example: "too many refused attempts; try again in 4 s",
  },
  INTERNAL_ERROR: {
    when: "A defect of the gateway or of a plugin. The log has the details under `id`.",
    example: "internal error; quote 9b2f5c0e-6a54-4b0e-8b39-64a1a1b0e0c7",
  },
  UNAVAILABLE: {
    when: "The queue is full, too many bodies are being read at once, the gateway is shutting down, or a plugin that has a say in it is just being restarted.",
    example: "the gateway is shutting down",
  },
};

export type DocumentedCode = keyof typeof TOLD;

const HEADERS: Partial<Readonly<Record<ErrorCode, Part>>> = {
  UNAUTHORIZED: { "WWW-Authenticate": ref("headers", "WWW-Authenticate") },
  TOO_MANY_REQUESTS: { "Retry-After": ref("headers", "Retry-After") },
  UNAVAILABLE: { "Retry-After": ref("headers", "Retry-After") },
};

/** A plugin may refuse with a status that has no code of its own, such as 402. */
const REFUSED = "Refused";

/** The responses of an operation that can give these errors; `"refusal"` stands for any other 4xx of a plugin's. */
export function errorsOf(codes: readonly (DocumentedCode | "refusal")[]): Record<string, Part> {
  return Object.fromEntries(
    codes.map((code) =>
      code === "refusal"
        ? ["4XX", ref("responses", REFUSED)]
        : [String(ERROR_STATUS[code]), ref("responses", code)],
    ),
  );
}

/** Every error as a response that operations refer to. */
export function errorResponseComponents(): Record<string, Part> {
  const codes = Object.keys(TOLD) as DocumentedCode[];
  return {
    ...Object.fromEntries(codes.map((code) => [code, responseOf(code, TOLD[code], HEADERS[code])])),
    [REFUSED]: responseOf("FORBIDDEN", {
      when: "A plugin refused it with another status, and its reason.",
      example: "the budget of this month is spent",
    }),
  };
}

function responseOf(code: ErrorCode, { when, example }: Told, headers: Part = {}): Part {
  return {
    description: when,
    headers: { ...headers, "X-Request-Id": ref("headers", "X-Request-Id") },
    content: {
      "application/json": {
        schema: {
          allOf: [ref("schemas", "ErrorResponse"), { properties: { code: { const: code } } }],
        },
        examples: { [code]: { value: { error: example, code, ...idIn(example) } } },
      },
    },
  };
}

function idIn(message: string): { readonly id?: string } {
  const id = /quote (\S+)$/.exec(message)?.[1];
  return id === undefined ? {} : { id };
}
