import type { PathsObject } from "@claudeway/core";
import { SETTING_SCHEMAS } from "./fields.js";

const text = (description: string) => ({ type: "string", description });
const maybe = (description: string) => ({ type: ["string", "null"], description });
const integer = (description: string) => ({ type: "integer", description });
const flag = (description: string) => ({ type: "boolean", description });
const object = (properties: Readonly<Record<string, object>>, required = Object.keys(properties)) => ({
  type: "object",
  additionalProperties: false,
  required,
  properties,
});
const json = (schema: object) => ({ "application/json": { schema } });
const answer = (description: string, schema: object) => ({ description, content: json(schema) });
const body = (schema: object) => ({ required: false, content: json(schema) });
/** The same, or null. */
const orNull = (schema: object) => ({ anyOf: [schema, { type: "null" }] });
const nullable = (names: readonly string[]) =>
  Object.fromEntries(
    Object.entries(SETTING_SCHEMAS).map(([name, schema]) => [
      name,
      names.includes(name) ? orNull(schema) : schema,
    ]),
  );

const UNSET = ["owner", "expires_at", "models", "permission_modes", "workdirs", "max_running"];
const SHOWN_SETTINGS = nullable(UNSET);
const KEY_ID = text("Its id, in logs and costs; it never changes, and is never given again.");
const KEY = {
  key_id: KEY_ID,
  ...SHOWN_SETTINGS,
  state: { enum: ["active", "disabled", "expired"], description: "Whether requests with it are accepted." },
  created_at: text("ISO 8601, UTC."),
  created_by: text("The key that made it."),
  last_used: maybe("ISO 8601, UTC; null if it was never used. Written once a minute."),
  old_secret_valid_until: maybe("After a rotation: until when the secret before is accepted, too."),
};
const SECRET = { secret: text("The secret. It is shown this once, and only its hash is kept.") };
const CANCELLED = {
  cancelled_turns: integer(
    "How many of its turns were interrupted. Parked ones are not counted: they end when they would go on.",
  ),
};
const RUNNING = {
  enum: ["finish", "cancel"],
  description: "What happens to its turns, parked ones too, instead of `on_revoke`.",
};
const USAGE = {
  key_id: KEY_ID,
  admin: flag("Whether it is the admin's."),
  configured: flag("Whether it is in the configuration."),
  origin: {
    enum: ["admin", "configured", "plugin", "former"],
    description: "Where it comes from: the configuration, this plugin, or an earlier configuration.",
  },
  total_requests: integer("Its turns that have ended."),
  total_cost_usd: {
    type: ["number", "null"],
    description: "What they cost, in USD; null if no price is known.",
  },
  tokens: {
    ...object({
      input: integer("Input."),
      output: integer("Output."),
      cache_read: integer("Read from the cache."),
      cache_write: integer("Written to the cache."),
    }),
    description: "The tokens that they used.",
  },
  last_used: maybe("ISO 8601, UTC."),
};
/** Configured keys have no state. */
const LISTED_STATE = {
  enum: [...KEY.state.enum, "former"],
  description: "As of one key; `former`: no request with it is accepted, and only its usage is left.",
};

const ID = {
  name: "id",
  in: "path",
  required: true,
  description: "The id of a key that was made at run time.",
  schema: { type: "string" },
};
const number = (name: string, description: string, standard: number, maximum: number) => ({
  name,
  in: "query",
  required: false,
  description,
  schema: { type: "integer", minimum: 1, maximum, default: standard },
});
const NO_SUCH_KEY = {
  description: "There is no such key, or it is a configured one.",
  content: json({ $ref: "#/components/schemas/Error" }),
};

/** The OpenAPI description of `/admin/keys`. */
export const ADMIN_PATHS: PathsObject = {
  "/": {
    get: {
      summary: "List all keys and their usage",
      parameters: [
        number("page", "The page, from 1.", 1, 999_999),
        number("limit", "Keys on a page.", 100, 1000),
      ],
      responses: {
        "200": answer(
          "Configured keys, those made at run time with their settings, and former ones.",
          object({
            keys: {
              type: "array",
              items: object({ ...KEY, ...USAGE, state: LISTED_STATE }, Object.keys(USAGE)),
            },
            total: integer("How many there are."),
            page: integer("This page."),
            limit: integer("Keys on a page."),
          }),
        ),
      },
    },
    post: {
      summary: "Make a key",
      requestBody: { required: true, content: json(object({ ...SETTING_SCHEMAS }, ["name"])) },
      responses: { "201": answer("The key with its secret.", object({ ...KEY, ...SECRET })) },
    },
  },
  "/{id}": {
    get: {
      summary: "Show a key",
      parameters: [ID],
      responses: { "200": answer("The key.", object(KEY)), "404": NO_SUCH_KEY },
    },
    patch: {
      summary: "Change a key",
      description: "Applies with the next request. Null removes a setting.",
      parameters: [ID],
      requestBody: {
        required: true,
        content: json(object(nullable([...UNSET, "tags", "allow"]), [])),
      },
      responses: { "200": answer("The changed key.", object(KEY)), "404": NO_SUCH_KEY },
    },
    delete: {
      summary: "Delete a key",
      description:
        "Its next request is refused. Its sessions, approvals and costs keep its id. Where its turns are to be cancelled, " +
        "it may be repeated.",
      parameters: [ID, { name: "running", in: "query", required: false, schema: RUNNING }],
      responses: {
        "200": answer(
          "It is deleted.",
          object({ deleted: { const: true, description: "Always true." }, key_id: KEY_ID, ...CANCELLED }),
        ),
        "404": NO_SUCH_KEY,
      },
    },
  },
  "/{id}/rotate": {
    post: {
      summary: "Give a key a new secret",
      parameters: [ID],
      requestBody: body(
        object(
          {
            grace_secs: {
              type: "integer",
              minimum: 0,
              maximum: 2_592_000,
              default: 3600,
              description: "How long the secret before is accepted, too.",
            },
          },
          [],
        ),
      ),
      responses: {
        "200": answer("The key with its new secret.", object({ ...KEY, ...SECRET })),
        "404": NO_SUCH_KEY,
      },
    },
  },
  "/{id}/disable": {
    post: {
      summary: "Disable a key",
      parameters: [ID],
      requestBody: body(object({ running: RUNNING }, [])),
      responses: { "200": answer("The disabled key.", object({ ...KEY, ...CANCELLED })), "404": NO_SUCH_KEY },
    },
  },
  "/{id}/enable": {
    post: {
      summary: "Enable a key again",
      parameters: [ID],
      responses: { "200": answer("The key.", object(KEY)), "404": NO_SUCH_KEY },
    },
  },
};

/** The OpenAPI description of `/me`. */
export const ME_PATHS: PathsObject = {
  "/": {
    get: {
      summary: "Show what the own key may do",
      responses: {
        "200": answer("The key's own limits; null is not limited.", {
          ...object({ key_id: KEY_ID, admin: USAGE.admin, configured: USAGE.configured, ...SHOWN_SETTINGS }),
          description:
            "Other plugins can add fields: `limits` adds what is left of budgets and rates, and `repos` the key's repositories.",
          additionalProperties: true,
        }),
      },
    },
  },
};
