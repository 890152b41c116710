import type { PathsObject } from "@claudeway/core";
import { COOKIE } from "../access/guard.js";
import { core, FLAG, ID, list, object, own, type Part, TEXT } from "./parts.js";
import { SCHEMAS } from "./schemas.js";

const EITHER_WAY = [{ adminCookie: [] }, { bearer: [] }];
/** 400, 401, 403, 404, 409, 429: the code says which, as everywhere. */
const REFUSED: Part = {
  description: "Refused; the message says why.",
  content: { "application/json": { schema: core("ErrorResponse") } },
};

/** The cookie of a login, or the admin's key as everywhere else. */
const SCHEMES: Part = {
  adminCookie: { type: "apiKey", in: "cookie", name: COOKIE, description: "What `POST /admin/login` set." },
};

interface Told {
  readonly parameters?: readonly Part[];
  readonly body?: Part;
  readonly security?: readonly Part[];
}

function operation(operationId: string, summary: string, answer: Part, told: Told = {}): Part {
  const { parameters = [], body, security = EITHER_WAY } = told;
  return {
    operationId,
    summary,
    security,
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: { required: true, content: { "application/json": { schema: body } } } }),
    responses: { "200": answer, "4XX": REFUSED },
  };
}

const json = (schema: Part, description = "As it is now."): Part => ({
  description,
  content: { "application/json": { schema } },
});

const query = (name: string, schema: Part, description: string): Part => ({
  name,
  in: "query",
  schema,
  description,
});
const inPath = (name: string, schema: Part = ID): Part => ({ name, in: "path", required: true, schema });
const whole = (standard: number, maximum: number): Part => ({
  type: "integer",
  minimum: 1,
  maximum,
  default: standard,
});
const paging = (most: number): Part[] => [
  query("page", whole(1, 1_000_000), "Which page; the newest first."),
  query("limit", whole(20, most), "How many on a page."),
];

const GROUPING = query(
  "group_by",
  { enum: ["daily", "weekly", "monthly"], default: "daily" },
  "Days, ISO weeks or months, in UTC.",
);
const PERIODS = query(
  "limit",
  { type: "integer", minimum: 1, maximum: 400 },
  "How many periods, the latest first.",
);

/** What the API document says of the admin API. */
export const ADMIN_PATHS: PathsObject = {
  "/login": {
    post: operation("adminLogin", "Sets a cookie for an hour", json(own("Me"), "Logged in."), {
      security: [],
      body: object({ key: { ...TEXT, description: "The admin's." } }),
    }),
  },
  "/logout": {
    post: operation(
      "adminLogout",
      "Forgets the login",
      json(object({ logged_out: { const: true } }), "Logged out."),
      { security: [] },
    ),
  },
  "/me": { get: operation("adminMe", "Tells whose login this is", json(own("Me"))) },
  "/overview": {
    get: operation("adminOverview", "Tells what runs, what it costs, what waits", json(own("Overview"))),
  },
  "/sessions": {
    get: operation("adminSessions", "Lists every key's sessions", json(own("SessionPage")), {
      parameters: [
        ...paging(1000),
        query("model", TEXT, "Only those of this model."),
        query("key_id", TEXT, "Only those of this key."),
        query("search", { type: "string", pattern: "^[0-9a-f][0-9a-f-]{3,35}$" }, "How the id begins."),
      ],
    }),
  },
  "/sessions/{id}": {
    get: operation("adminSession", "Tells of a session", json(own("SessionDetail")), {
      parameters: [inPath("id")],
    }),
    delete: operation(
      "adminDeleteSession",
      "Deletes a session",
      json(object({ deleted: { const: true }, session_id: ID }), "Deleted."),
      {
        parameters: [inPath("id")],
      },
    ),
  },
  "/sessions/{id}/turns": {
    get: operation("adminSessionTurns", "Lists a session's turns", json(own("TurnPage")), {
      parameters: [inPath("id"), ...paging(100)],
    }),
  },
  "/sessions/{id}/interrupt": {
    post: operation(
      "adminInterrupt",
      "Ends a session's running turn",
      json(object({ session_id: ID, interrupted: FLAG }), "Done, if one ran."),
      {
        parameters: [inPath("id")],
      },
    ),
  },
  "/turns": {
    get: operation(
      "adminTurns",
      "Lists the turns that run or wait",
      json(object({ turns: list(own("Turn")) })),
    ),
  },
  "/turns/{id}": {
    get: operation("adminTurn", "Tells of a turn, with its whole answer", json(own("TurnDetail")), {
      parameters: [inPath("id")],
    }),
  },
  "/approvals": {
    get: operation(
      "adminApprovals",
      "Lists what waits for a decision, and what was decided",
      json(own("ApprovalPage")),
      {
        parameters: [
          ...paging(100),
          query("status", { enum: ["pending", "allowed", "denied", "expired", "withdrawn"] }, "Only those."),
          query("session_id", ID, "Only those of this session."),
        ],
      },
    ),
  },
  "/approvals/{id}": {
    get: operation("adminApproval", "Tells of a request", json(own("Approval")), {
      parameters: [inPath("id")],
    }),
    post: operation(
      "adminDecide",
      "Decides a request, if nobody has yet",
      json(own("Approval"), "Decided."),
      {
        parameters: [inPath("id")],
        body: object(
          {
            decision: { enum: ["allow", "deny"] },
            message: TEXT,
            updated_input: { type: "object", additionalProperties: true },
            scope: { enum: ["once", "session"], default: "once" },
          },
          { optional: ["message", "updated_input", "scope"] },
        ),
      },
    ),
  },
  "/logs": {
    get: operation("adminLogs", "Lists lines of a month's log, the newest first", json(own("Logs")), {
      parameters: [
        query("key_id", TEXT, "Only this key's folder."),
        query(
          "date",
          { type: "string", pattern: "^\\d{4}-\\d{2}(-\\d{2})?$" },
          "A month or a day; this month if not given.",
        ),
        query("after", { type: "string", format: "date-time" }, "Only later lines."),
        query("level", { enum: ["INFO", "WARN", "ERROR"] }, "Only these."),
        query("search", { type: "string", maxLength: 200 }, "Anywhere in the line."),
        query("limit", whole(100, 1000), "How many."),
        query("before", TEXT, "What an earlier answer gave as `before`."),
      ],
    }),
  },
  "/keys": { get: operation("adminKeys", "Lists keys and what they used", json(own("Keys"))) },
  "/costs": {
    get: operation("adminCosts", "Adds money up by day, week or month", json(own("Costs")), {
      parameters: [GROUPING, PERIODS],
    }),
  },
  "/costs.csv": {
    get: operation(
      "adminCostsFile",
      "The same for a spreadsheet",
      {
        description: "A line for the whole, each model and each key of each period.",
        content: { "text/csv": { schema: TEXT } },
      },
      { parameters: [GROUPING, PERIODS] },
    ),
  },
  "/plugins": {
    get: operation(
      "adminPlugins",
      "Lists plugins, on or not",
      json(object({ plugins: list(own("Plugin")) })),
    ),
  },
  "/plugins/reload": {
    post: operation(
      "adminReload",
      "Reads the configuration again",
      json(own("Reload"), "What became of it."),
    ),
  },
  "/plugins/{name}/enable": {
    post: operation(
      "adminEnable",
      "Switches a plugin on until the restart",
      json(object({ plugin: own("Plugin") }), "It is on."),
      {
        parameters: [inPath("name", TEXT)],
      },
    ),
  },
  "/plugins/{name}/disable": {
    post: operation(
      "adminDisable",
      "Switches a plugin off until the restart",
      json(object({ plugin: own("Plugin") }), "It is off."),
      {
        parameters: [inPath("name", TEXT)],
      },
    ),
  },
  "/events": {
    get: operation(
      "adminEvents",
      "Tells what changes, as server-sent events",
      {
        description: "`change` (what to read again), `load`, `text` of a session's running turns, `expired`.",
        content: { "text/event-stream": { schema: TEXT } },
      },
      {
        parameters: [
          query("session", { type: "array", items: ID, maxItems: 50 }, "Those whose running text is wanted."),
        ],
      },
    ),
  },
  "x-components": { schemas: SCHEMAS, securitySchemes: SCHEMES },
};
