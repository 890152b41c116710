import {
  ANYTHING,
  COST,
  COUNT,
  core,
  FLAG,
  ID,
  list,
  MS,
  named,
  object,
  orNull,
  own,
  type Part,
  TEXT,
  TIME,
} from "./parts.js";

const PAGE = { total: COUNT, page: COUNT, limit: COUNT };

const UNPRICED = {
  ...COUNT,
  description: "How many of its turns the cost leaves out, wholly or in part, since their price is unknown.",
};

const SESSION = {
  session_id: ID,
  key_id: TEXT,
  title: { type: ["string", "null"] },
  first_prompt: {
    type: ["string", "null"],
    description: "Its beginning. Null if the session began before the gateway, or the dashboard, did.",
  },
  model: TEXT,
  created_at: TIME,
  last_used: TIME,
  task_count: COUNT,
  workdir: TEXT,
  tokens: core("Tokens"),
  cost_usd: COST,
  cost_estimated: FLAG,
  cost_unpriced_turns: UNPRICED,
  running: FLAG,
  waiting: { ...FLAG, description: "A call of it waits for a decision." },
};

const TURN = {
  turn_id: ID,
  session_id: ID,
  key_id: TEXT,
  kind: { enum: ["session", "task"] },
  origin: { enum: ["prompt", "background"] },
  route: TEXT,
  created_at: TIME,
  state: {
    type: "string",
    description: "`running`, `waiting` (held for a decision), `parked`, or how the turn ended.",
  },
  ended_at: orNull(TIME),
  model: TEXT,
  duration_ms: orNull(MS),
  queued_ms: orNull(MS),
  prompt_bytes: COUNT,
  tokens: core("Tokens"),
  cost_usd: COST,
  cost_estimated: FLAG,
};

const PROMPT = {
  ...orNull(object({ text: TEXT, chars: COUNT })),
  description:
    "The beginning of the prompt, and the length of the whole. Null if it is neither in memory nor in the transcript of the CLI.",
};

const ANSWER = object({
  result: { type: "string", description: "The first 20,000 characters." },
  result_chars: COUNT,
  success: FLAG,
  error: { type: ["string", "null"] },
  permission_denials: list(core("PermissionDenial")),
});

const WORK = {
  ...orNull(
    object({
      retries: COUNT,
      retry_error: { type: ["string", "null"] },
      calls: list(
        object({
          parent: TEXT,
          id: TEXT,
          tool: TEXT,
          line: TEXT,
          ok: { type: ["boolean", "null"] },
          duration_ms: orNull(MS),
        }),
      ),
      tasks: list(
        object({
          id: TEXT,
          kind: TEXT,
          description: TEXT,
          state: { enum: ["running", "completed", "failed", "stopped"] },
          background: FLAG,
          tool_calls: orNull(COUNT),
          tokens: orNull(COUNT),
        }),
      ),
    }),
  ),
  description: "Retries, subagents' calls and tasks of the turn, if it is one of the latest.",
};

const DECISION = object({
  decision: { enum: ["allow", "deny"] },
  message: { type: ["string", "null"] },
  updated_input: orNull(ANYTHING),
  scope: { enum: ["once", "session"] },
  by: object({ channel: TEXT, who: TEXT, from: { type: ["string", "null"] } }),
  at: TIME,
});

const SHARE = { model: TEXT, request_count: COUNT, cost_usd: COST };

const ENDS = {
  type: "object",
  additionalProperties: COUNT,
  description: "How many turns ended in each way.",
};

const PERCENTILES = {
  ...orNull(object({ turns: COUNT, p50: MS, p95: MS, p99: MS })),
  description: "Within 5 %, over the turns that ran; null if there are none.",
};

const LOG_LINE = {
  id: { type: "string", description: "Position of the line. The id of a line never changes." },
  timestamp: TIME,
  level: { enum: ["INFO", "WARN", "ERROR"] },
  key_id: { type: ["string", "null"] },
  message: TEXT,
};

const LOG_DETAILS = {
  session_id: TEXT,
  turn_id: TEXT,
  origin: { enum: ["prompt", "background"] },
  approval_id: TEXT,
  decided_by: TEXT,
  request_id: TEXT,
  model: TEXT,
  claude_exit_code: { type: ["integer", "null"] },
  duration_ms: MS,
  queued_ms: MS,
  success: FLAG,
  error: { type: ["string", "null"] },
  tokens: core("Tokens"),
  cost_usd: COST,
  cost_estimated: FLAG,
  method: TEXT,
  path: TEXT,
  status: COUNT,
};

const ME = {
  key_id: TEXT,
  key_mark: { ...TEXT, description: "The same for every login with this key, and for no other key." },
  version: TEXT,
  expires_at: { ...orNull(TIME), description: "Null if the request came with a key." },
};

/** Responses of the admin API. */
export const SCHEMAS: Part = named({
  Me: object(ME),
  LoggedIn: object({ success: { const: true }, ...ME }),
  Overview: object({
    uptime_secs: COUNT,
    total_requests: COUNT,
    active_sessions: COUNT,
    total_cost_usd: COST,
    tokens: core("Tokens"),
    cost_estimated_turns: COUNT,
    cost_unpriced_turns: UNPRICED,
    models_breakdown: list(object({ ...SHARE, tokens: core("Tokens") })),
    load: object({ running: COUNT, queued: COUNT, processes: COUNT }),
    pending_approvals: COUNT,
    running_turns: list(own("Turn")),
    public_url: { type: ["string", "null"] },
    version: TEXT,
  }),
  Statistics: object({
    range: { enum: ["24h", "7d", "30d", "90d", "12m"] },
    missing: { ...COUNT, description: "Hours or days that are still being counted." },
    periods: list(
      object({
        period: { type: "string", description: "`2026-03-12T10`, `2026-03-12` or `2026-03`, in UTC." },
        requests: COUNT,
        open: COUNT,
        ends: ENDS,
        cost_usd: COST,
        by_model: list(object({ model: TEXT, requests: COUNT, cost_usd: COST })),
        whole: PERCENTILES,
      }),
    ),
    requests: { ...COUNT, description: "Turns that were begun in the range." },
    open: { ...COUNT, description: "Those that have not ended." },
    ends: ENDS,
    processes: {
      ...object({ live: COUNT, prewarmed: COUNT, cold: COUNT }, { optional: ["live", "prewarmed", "cold"] }),
      description: "What kind of process ran them, as far as it is recorded.",
    },
    tokens: core("Tokens"),
    cost_usd: COST,
    cost_unpriced_turns: UNPRICED,
    latency: object({ queued: PERCENTILES, first_token: PERCENTILES, whole: PERCENTILES }),
  }),
  Budget: object({
    limit: TEXT,
    subject: TEXT,
    window: TEXT,
    allowed: { type: "number" },
    used: { type: "number" },
    reserved: { type: "number" },
    resets_at: { type: ["string", "null"] },
  }),
  Session: object(SESSION),
  SessionDetail: object({
    ...SESSION,
    kind: { enum: ["session", "task"] },
    system_prompt: { type: ["string", "null"] },
    resume_command: {
      type: ["string", "null"],
      description: "Goes on with the session in a terminal of the gateway's user.",
    },
    background: { ...list(core("BackgroundTask")), description: "What runs between turns." },
    by_model: list(object({ ...SHARE, tokens: core("Tokens") })),
  }),
  SessionPage: object({ ...PAGE, sessions: list(own("Session")), models: list(TEXT) }),
  Turn: object(TURN),
  TurnDetail: object({ ...TURN, prompt: PROMPT, answer: orNull(core("TurnResponse")) }),
  TurnPage: object({
    ...PAGE,
    turns: list(object({ ...TURN, prompt: PROMPT, answer: orNull(ANSWER), work: WORK })),
  }),
  RequestPage: object({
    turns: list(
      object({
        ...TURN,
        metadata: { type: "object", additionalProperties: TEXT },
        prompt: {
          type: ["string", "null"],
          description: "Its first 160 characters; null if it is not in memory.",
        },
        result: {
          type: ["string", "null"],
          description: "The first 160 characters of the error or the answer.",
        },
      }),
    ),
    before: {
      type: ["integer", "null"],
      description:
        "Send it as `before` to get older turns, also if this page has none. Null if there are none.",
    },
  }),
  Approval: object({
    id: ID,
    session_id: ID,
    turn_id: ID,
    key_id: TEXT,
    kind: { enum: ["tool", "question"] },
    tool_use_id: TEXT,
    tool: TEXT,
    input: ANYTHING,
    workdir: TEXT,
    cwd: TEXT,
    status: { enum: ["pending", "allowed", "denied", "expired", "withdrawn"] },
    parked: FLAG,
    asked_at: TIME,
    expires_at: TIME,
    decision: orNull(DECISION),
    outcome: {
      ...orNull(
        object({
          turn: {
            enum: ["running", "parked", "completed", "failed", "refused", "interrupted", "timeout", "lost"],
          },
          call: { enum: ["ran", "failed", "not_run", "no_result", null] },
        }),
      ),
      description:
        "What became of an allowed call: its turn, and, once that has ended, the call. `no_result`: it may have run in part.",
    },
  }),
  ApprovalContext: object({
    origin: { enum: ["prompt", "background"] },
    prompt_bytes: COUNT,
    prompt: PROMPT,
    turn: {
      ...orNull(core("ConversationTurn")),
      description: "What the CLI recorded of the turn so far, the call included. Null if it is not found.",
    },
    before: {
      ...list(
        object({
          turn_id: ID,
          created_at: TIME,
          prompt: { type: ["string", "null"] },
          result: { type: ["string", "null"] },
        }),
      ),
      description: "Up to three earlier turns, oldest first, their texts cut at 2,000 characters.",
    },
  }),
  Decided: object({
    results: list(
      object({
        id: ID,
        status: { enum: ["allowed", "denied", null] },
        error: { type: ["string", "null"], description: "Why it was not decided." },
      }),
    ),
  }),
  ApprovalPage: object({ ...PAGE, approvals: list(own("Approval")) }),
  Node: object({
    node: TEXT,
    state: { enum: ["up", "draining", "left", "dead"] },
    version: TEXT,
    url: TEXT,
    incarnation: COUNT,
    running: COUNT,
    queued: COUNT,
    processes: COUNT,
    sessions: { ...COUNT, description: "Sessions that the node has." },
    waiting: { ...COUNT, description: "Calls of its running turns that wait for a person." },
    parked: { ...COUNT, description: "Turns that parked there, and wait for a person or a usage limit." },
    taken_over: {
      ...COUNT,
      description: "How often, in the last 24 hours, a session had a turn there after one at another node.",
    },
    joined_at: TIME,
    here: { enum: ["here", null], description: "Whether it is the gateway that answers." },
  }),
  Logs: object(
    {
      entries: list(
        object(
          {
            ...LOG_LINE,
            ...LOG_DETAILS,
            node: {
              ...TEXT,
              description: "In a cluster: the gateway that wrote the line, or that ran the turn.",
            },
          },
          { optional: [...Object.keys(LOG_DETAILS), "node"] },
        ),
      ),
      total: COUNT,
      read_bytes: COUNT,
      before: {
        type: ["string", "null"],
        description: "Send it as `before` to get older lines. Null on the last page.",
      },
      at: { ...TIME, description: "The gateway's time. Send it as `after` to get what was written since." },
      folders: list(TEXT),
      missing: {
        ...list(TEXT),
        description:
          "In a cluster: the gateways whose lines of requests are missing. Turns and approvals are there: they are read from the ledger.",
      },
    },
    { optional: ["missing"] },
  ),
  Keys: object({
    keys: list(
      object({
        key_id: TEXT,
        admin: FLAG,
        configured: FLAG,
        origin: { enum: ["admin", "configured", "former"], description: "Where it comes from." },
        total_requests: COUNT,
        total_cost_usd: COST,
        tokens: core("Tokens"),
        last_used: orNull(TIME),
      }),
    ),
  }),
  Costs: object({
    data: list(
      object({
        period: { type: "string", description: "`2026-03-12`, `2026-W11` or `2026-03`." },
        cost_usd: COST,
        cost_unpriced_turns: UNPRICED,
        request_count: COUNT,
        tokens: core("Tokens"),
        by_model: list(object(SHARE)),
        by_key: list(
          object({ key_id: TEXT, cost_usd: COST, cost_unpriced_turns: UNPRICED, request_count: COUNT }),
        ),
      }),
    ),
    group_by: { enum: ["daily", "weekly", "monthly"] },
    zone: { const: "UTC" },
  }),
  Plugin: object({
    name: TEXT,
    description: { type: ["string", "null"], description: "Of its package." },
    version: { type: ["string", "null"] },
    state: { enum: ["on", "off", "failed"] },
    enabled: FLAG,
    needs: list(TEXT),
    source: TEXT,
    config: { ...ANYTHING, description: "Secrets masked." },
    started_ms: MS,
    last_error: { type: ["string", "null"] },
    last_error_code: { type: ["string", "null"] },
    tap_ms: MS,
    faults: COUNT,
    dropped: COUNT,
    blocked_ms: MS,
    notices: list(TEXT),
  }),
  Reload: object({
    started: list(TEXT),
    replaced: list(TEXT),
    stopped: list(TEXT),
    unchanged: list(TEXT),
    failed: { ...list(TEXT), description: "One line each." },
  }),
});
