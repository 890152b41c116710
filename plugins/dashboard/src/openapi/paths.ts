import type { PathsObject } from "@claudeway/core";
import { COOKIE } from "../access/guard.js";
import { ANYTHING, core, FLAG, ID, list, object, orNull, own, type Part, TEXT } from "./parts.js";
import { SCHEMAS } from "./schemas.js";

const EITHER_WAY = [{ adminCookie: [] }, { bearer: [] }];
/** 400, 401, 403, 404, 409 or 429; see the response's `code`. */
const REFUSED: Part = {
  description: "Refused; `error` contains the reason.",
  content: { "application/json": { schema: core("ErrorResponse") } },
};

/** A login cookie, or the admin key. */
const SCHEMES: Part = {
  adminCookie: {
    type: "apiKey",
    in: "cookie",
    name: COOKIE,
    description: "The cookie that `POST /admin/login` sets.",
  },
};

interface Details {
  readonly parameters?: readonly Part[];
  readonly body?: Part;
  readonly security?: readonly Part[];
}

function operation(operationId: string, summary: string, answer: Part, details: Details = {}): Part {
  const { parameters = [], body, security = EITHER_WAY } = details;
  return {
    operationId,
    summary,
    security,
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: { required: true, content: { "application/json": { schema: body } } } }),
    responses: { "200": answer, "4XX": REFUSED },
  };
}

const json = (schema: Part, description = "The current state."): Part => ({
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
  query("page", whole(1, 1_000_000), "Page number; page 1 is the newest."),
  query("limit", whole(20, most), "Entries per page."),
];

const GROUPING = query(
  "group_by",
  { enum: ["daily", "weekly", "monthly"], default: "daily" },
  "Days, ISO weeks or months, in UTC.",
);
const PERIODS = query(
  "limit",
  { type: "integer", minimum: 1, maximum: 400 },
  "Number of periods, latest first.",
);

const DRAFT = {
  type: "string",
  pattern: "^[A-Za-z0-9_-]{1,100}$",
  description: "Chosen by the caller. Sent again with it within a day, the prompt begins no second turn.",
};

const FILE = object({
  name: TEXT,
  media_type: {
    type: "string",
    description: "Of an image or a PDF document; anything else is read as text.",
  },
  data: { type: "string", description: "In base64." },
});

const DECISION = {
  decision: { enum: ["allow", "deny"] },
  message: TEXT,
  scope: { enum: ["once", "session"], default: "once" },
};

/** The pages in the OpenAPI document; the files that they load are not listed. */
export const PAGE_PATHS: PathsObject = {
  "/": {
    get: {
      operationId: "showDashboard",
      summary: "Show the dashboard",
      responses: {
        "200": { description: "The HTML page.", content: { "text/html": { schema: TEXT } } },
        "302": { description: "Redirect to `/dashboard/`." },
        "304": { description: "Not modified." },
      },
    },
  },
};

/** The admin API in the OpenAPI document. */
export const ADMIN_PATHS: PathsObject = {
  "/login": {
    get: operation(
      "adminLoginState",
      "Get whether this browser is logged in",
      json(object({ login: orNull(own("Me")) }), "The login; null without a valid cookie."),
      { security: [] },
    ),
    post: operation("adminLogin", "Log in: set a cookie for an hour", json(own("LoggedIn"), "Logged in."), {
      security: [],
      body: object({ key: { ...TEXT, description: "The admin key." } }),
    }),
  },
  "/logout": {
    post: operation("adminLogout", "Log out", json(object({ logged_out: { const: true } }), "Logged out."), {
      security: [],
    }),
  },
  "/me": { get: operation("adminMe", "Get the current login", json(own("Me"))) },
  "/overview": {
    get: operation("adminOverview", "Get load, cost and pending approvals", json(own("Overview"))),
  },
  "/statistics": {
    get: operation(
      "adminStatistics",
      "Get requests, ends, latency, processes and cost of a time range",
      json(own("Statistics"), "By hour for a day, by month for twelve months, else by day."),
      {
        parameters: [
          query("range", { enum: ["24h", "7d", "30d", "90d", "12m"], default: "30d" }, "Up to now."),
        ],
      },
    ),
  },
  "/budgets": {
    get: operation(
      "adminBudgets",
      "List budgets in USD, the most used first",
      json(object({ budgets: list(own("Budget")) }), "Empty without a plugin that sets budgets."),
    ),
  },
  "/sessions": {
    get: operation("adminSessions", "List the sessions of all keys", json(own("SessionPage")), {
      parameters: [
        ...paging(1000),
        query("model", TEXT, "Only sessions with this model."),
        query("key_id", TEXT, "Only sessions of this key."),
        query("search", { type: "string", pattern: "^[0-9a-f][0-9a-f-]{3,35}$" }, "Prefix of the id."),
      ],
    }),
  },
  "/sessions/{id}": {
    get: operation("adminSession", "Get a session", json(own("SessionDetail")), {
      parameters: [inPath("id")],
    }),
    patch: operation(
      "adminRenameSession",
      "Set the title of a session",
      json(object({ session_id: ID, title: { type: ["string", "null"] } }), "Renamed."),
      {
        parameters: [inPath("id")],
        body: object({ title: { type: ["string", "null"], description: "Null removes it." } }),
      },
    ),
    delete: operation(
      "adminDeleteSession",
      "Delete a session",
      json(object({ deleted: { const: true }, session_id: ID }), "Deleted."),
      {
        parameters: [inPath("id")],
      },
    ),
  },
  "/sessions/{id}/turns": {
    get: operation("adminSessionTurns", "List a session's turns", json(own("TurnPage")), {
      parameters: [inPath("id"), ...paging(100)],
    }),
  },
  "/sessions/{id}/messages": {
    get: operation(
      "adminSessionMessages",
      "List a session's turns with their messages and tool calls",
      json(core("SessionMessages"), "As `GET /session/{session_id}/messages`."),
      { parameters: [inPath("id"), ...paging(100)] },
    ),
  },
  "/sessions/{id}/prompt": {
    post: operation(
      "adminPrompt",
      "Send a prompt to a session, on behalf of its key",
      json(object({ session_id: ID, turn_id: ID }), "The turn has begun."),
      {
        parameters: [inPath("id")],
        body: object(
          { prompt: TEXT, files: list(FILE), draft_id: DRAFT },
          { optional: ["files", "draft_id"] },
        ),
      },
    ),
  },
  "/sessions/{id}/fork": {
    post: operation(
      "adminFork",
      "Begin a session with what was said in this one, on behalf of its key",
      json(object({ session_id: ID }), "The new session."),
      {
        parameters: [inPath("id")],
        body: object(
          { at: { ...ID, description: "The last turn that the fork has; by default the latest." } },
          { optional: ["at"] },
        ),
      },
    ),
  },
  "/sessions/{id}/interrupt": {
    post: operation(
      "adminInterrupt",
      "Interrupt a session's running turn",
      json(object({ session_id: ID, interrupted: FLAG }), "`interrupted` is false if no turn was running."),
      {
        parameters: [inPath("id")],
      },
    ),
  },
  "/requests": {
    get: operation(
      "adminRequests",
      "List turns and tasks of all keys, latest first",
      json(own("RequestPage"), "A search examines at most 100,000 turns, with `text` 20,000."),
      {
        parameters: [
          query("key_id", TEXT, "Only turns of this key."),
          query("model", TEXT, "Only turns that this model answered."),
          query("kind", { enum: ["session", "task"] }, "Only turns of sessions, or only one-shot tasks."),
          query(
            "state",
            { enum: ["open", "completed", "failed", "refused", "interrupted", "timeout", "lost"] },
            "Only turns that ended like this, or have not ended.",
          ),
          query("min_cost_usd", { type: "number", minimum: 0 }, "Only turns that cost at least this."),
          query("min_duration_ms", { type: "number", minimum: 0 }, "Only turns that ran at least this long."),
          query("since", { type: "string", format: "date-time" }, "Only turns that began then or later."),
          query("until", { type: "string", format: "date-time" }, "Only turns that began before."),
          query("text", { type: "string", maxLength: 200 }, "Text in the answer or the error, in any case."),
          query("metadata", list(TEXT), "Pairs that the turn carries, such as `ticket=42`."),
          query("before", { type: "integer", minimum: 1 }, "The `before` of an earlier response."),
          query("limit", whole(50, 200), "Number of turns."),
        ],
      },
    ),
  },
  "/turns": {
    get: operation(
      "adminTurns",
      "List running and waiting turns",
      json(object({ turns: list(own("Turn")) })),
    ),
  },
  "/turns/{id}": {
    get: operation("adminTurn", "Get a turn with its whole answer", json(own("TurnDetail")), {
      parameters: [inPath("id")],
    }),
  },
  "/approvals": {
    get: operation("adminApprovals", "List approval requests", json(own("ApprovalPage")), {
      parameters: [
        ...paging(100),
        query(
          "status",
          { enum: ["pending", "allowed", "denied", "expired", "withdrawn"] },
          "Only requests with this status.",
        ),
        query("session_id", ID, "Only requests of this session."),
      ],
    }),
    post: operation(
      "adminDecideSeveral",
      "Decide several approval requests in the same way",
      json(own("Decided"), "One result for each id; one that fails does not stop the others."),
      {
        body: object(
          { ids: { ...list(ID), minItems: 1, maxItems: 100 }, ...DECISION },
          { optional: ["message", "scope"] },
        ),
      },
    ),
  },
  "/approvals/{id}/context": {
    get: operation(
      "adminApprovalContext",
      "Get the prompt and the conversation around the call of an approval request",
      json(own("ApprovalContext")),
      { parameters: [inPath("id")] },
    ),
  },
  "/approvals/{id}": {
    get: operation("adminApproval", "Get an approval request", json(own("Approval")), {
      parameters: [inPath("id")],
    }),
    post: operation("adminDecide", "Decide an approval request", json(own("Approval"), "Decided."), {
      parameters: [inPath("id")],
      body: object(
        { ...DECISION, updated_input: { type: "object", additionalProperties: true } },
        { optional: ["message", "updated_input", "scope"] },
      ),
    }),
  },
  "/logs": {
    get: operation("adminLogs", "List lines of a month's log, newest first", json(own("Logs")), {
      parameters: [
        query("key_id", TEXT, "Only lines of this key."),
        query(
          "date",
          { type: "string", pattern: "^\\d{4}-\\d{2}(-\\d{2})?$" },
          "A month or a day; the current month by default.",
        ),
        query("after", { type: "string", format: "date-time" }, "Only later lines."),
        query("level", { enum: ["INFO", "WARN", "ERROR"] }, "Only lines of this level."),
        query("kind", { enum: ["turn", "request", "approval"] }, "Only lines of this kind."),
        query("search", { type: "string", maxLength: 200 }, "Text to find anywhere in the line."),
        query("limit", whole(100, 1000), "Number of lines."),
        query("before", TEXT, "The `before` of an earlier response."),
      ],
    }),
  },
  "/keys": { get: operation("adminKeys", "List keys and their usage", json(own("Keys"))) },
  "/costs": {
    get: operation("adminCosts", "Get cost by day, week or month", json(own("Costs")), {
      parameters: [GROUPING, PERIODS],
    }),
  },
  "/costs.csv": {
    get: operation(
      "adminCostsFile",
      "Get cost as CSV",
      {
        description: "For each period: one line for the total, one per model, and one per key.",
        content: { "text/csv": { schema: TEXT } },
      },
      { parameters: [GROUPING, PERIODS] },
    ),
  },
  "/pages": {
    get: operation(
      "adminPages",
      "List the pages of plugins",
      json(
        object({
          pages: list({ ...ANYTHING, description: "A page: its name, its plugin, title and parts." }),
        }),
      ),
    ),
  },
  "/nodes": {
    get: operation(
      "adminNodes",
      "List the nodes of the cluster",
      json(object({ nodes: list(own("Node")) }), "Empty if the gateway is alone."),
    ),
  },
  "/nodes/{node}/drain": {
    post: operation(
      "adminDrain",
      "Drain a node: it accepts no new sessions",
      json(object({ node: TEXT, draining: FLAG }), "The node drains."),
      { parameters: [inPath("node", TEXT)] },
    ),
  },
  "/nodes/{node}/resume": {
    post: operation(
      "adminResume",
      "Have a drained node accept sessions again",
      json(object({ node: TEXT, draining: FLAG }), "The node accepts sessions."),
      { parameters: [inPath("node", TEXT)] },
    ),
  },
  "/plugins": {
    get: operation(
      "adminPlugins",
      "List plugins, enabled or not",
      json(object({ plugins: list(own("Plugin")) })),
    ),
  },
  "/plugins/reload": {
    post: operation(
      "adminReload",
      "Reload the configuration",
      json(own("Reload"), "The result of the reload."),
    ),
  },
  "/plugins/{name}/enable": {
    post: operation(
      "adminEnable",
      "Enable a plugin until the gateway restarts",
      json(object({ plugin: own("Plugin") }), "The plugin is enabled."),
      {
        parameters: [inPath("name", TEXT)],
      },
    ),
  },
  "/plugins/{name}/disable": {
    post: operation(
      "adminDisable",
      "Disable a plugin until the gateway restarts",
      json(object({ plugin: own("Plugin") }), "The plugin is disabled."),
      {
        parameters: [inPath("name", TEXT)],
      },
    ),
  },
  "/events": {
    get: operation(
      "adminEvents",
      "Stream changes as server-sent events",
      {
        description:
          "`change` (topics to reload), `load`, `text` of a session's running turns, `expired`; `alive` after 15 s without another.",
        content: { "text/event-stream": { schema: TEXT } },
      },
      {
        parameters: [
          query(
            "session",
            { type: "array", items: ID, maxItems: 50 },
            "Sessions whose running text is sent.",
          ),
        ],
      },
    ),
  },
  "x-components": { schemas: SCHEMAS, securitySchemes: SCHEMES },
};
