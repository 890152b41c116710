import type { SchemaName } from "../json-schema.js";
import { schemaOf } from "../json-schema.js";
import { type Part, ref } from "./types.js";

/** Response headers, by name. */
export const HEADERS = {
  "X-Request-Id": {
    description:
      "The id of the request in the gateway's log. Absent if the request was refused before it was read.",
    schema: { type: "string" },
  },
  "X-Turn-Id": {
    description: "The id of the turn, for `GET /turns/{turn_id}`.",
    required: true,
    schema: { type: "string", format: "uuid" },
  },
  "Server-Timing": {
    description: "How long the turn was queued, and how long it ran, in milliseconds.",
    schema: { type: "string" },
  },
  "Retry-After": {
    description: "How long to wait before the next attempt, in seconds.",
    required: true,
    schema: { type: "integer", minimum: 0 },
  },
  "WWW-Authenticate": {
    description: "How to authenticate.",
    required: true,
    schema: { const: "Bearer" },
  },
} as const satisfies Readonly<Record<string, Part>>;

/** Parameters shared by several operations, by component name. */
export const PARAMETERS = {
  SessionId: {
    name: "session_id",
    in: "path",
    required: true,
    description: "The id of the session, as returned by `POST /session/start`.",
    schema: { type: "string", format: "uuid" },
  },
  TurnId: {
    name: "turn_id",
    in: "path",
    required: true,
    description: "The id of the turn, as in `X-Turn-Id`.",
    schema: { type: "string", format: "uuid" },
  },
  IdempotencyKey: {
    name: "Idempotency-Key",
    in: "header",
    description:
      "For 24 h, also after a restart, the same key with the same body returns the same turn, which is billed once. The turn keeps running if the client disconnects.",
    schema: { type: "string", pattern: "^[!-~]{1,255}$" },
  },
  LastEventId: {
    name: "Last-Event-ID",
    in: "header",
    description: "The id of the last event that was read; the stream continues after it.",
    schema: { type: "string", pattern: "^[0-9]{1,9}$", default: "0" },
  },
} as const satisfies Readonly<Record<string, Part>>;

export type ParameterName = keyof typeof PARAMETERS;

export function parameters(...names: readonly ParameterName[]): Part[] {
  return names.map((name) => ref("parameters", name));
}

export type HeaderName = keyof typeof HEADERS;

export function headers(...names: readonly HeaderName[]): Part {
  return Object.fromEntries(["X-Request-Id" as const, ...names].map((name) => [name, ref("headers", name)]));
}

/** A request body with one of the gateway's schemas. */
export function body(schema: SchemaName, examples: Part, required = true): Part {
  return { required, content: json(schema, examples) };
}

/** The body of a prompt: JSON, or a form (RFC 7578) with the same fields and files. */
export function promptBody(schema: SchemaName, examples: Part): Part {
  return {
    required: true,
    content: {
      ...json(schema, examples),
      "multipart/form-data": {
        schema: {
          type: "object",
          description:
            "The fields of the request as parts, or all of them as JSON in the part `request`, and up to 20 files. Images and PDF documents of up to 10 MiB go to the model; all other files are stored in the workdir.",
          additionalProperties: true,
          properties: {
            request: schemaRef(schema),
            prompt: { type: "string", description: "The prompt, as text." },
            file: {
              type: "string",
              format: "binary",
              description: "A file; the part's name does not matter.",
            },
          },
        },
        encoding: { request: { contentType: "application/json" } },
      },
    },
  };
}

/** `application/json` content with one of the gateway's schemas. */
export function json(schema: SchemaName, examples: Part): Part {
  const named = Object.entries(examples).map(([name, value]) => [name, { value }]);
  return {
    "application/json": { schema: schemaRef(schema), examples: Object.fromEntries(named) },
  };
}

export function schemaRef(schema: SchemaName): Part {
  return ref("schemas", String(schemaOf(schema)["title"]));
}

/** `text/event-stream` (WHATWG HTML, "Server-sent events"). */
export function events(example: string, schema: "stream-event" | "session-event" = "stream-event"): Part {
  const title = String(schemaOf(schema)["title"]);
  const text =
    schema === "stream-event"
      ? "the data of a `text` event is the bare text; that of all other events is JSON"
      : "the data is JSON";
  return {
    "text/event-stream": {
      schema: {
        type: "string",
        description: `Events with \`id\`, \`event\` and \`data\`. Read as \`{event, data}\` each is a \`${title}\`; ${text}. Lines that begin with a colon are comments that keep the connection open through proxies.`,
        contentMediaType: "text/event-stream",
        contentSchema: { type: "array", items: schemaRef(schema) },
      },
      examples: { stream: { value: example } },
    },
  };
}
