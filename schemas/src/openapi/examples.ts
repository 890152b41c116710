/** Recorded responses of a gateway with the `demo` plugin. */

const SESSION_ID = "c58c8e6f-adb5-45d2-b926-dc0e58774186";
const TASK_ID = "a456cf59-85da-47b2-af90-68b7d2997683";

const denial = {
  tool_name: "Write",
  tool_use_id: "toolu_demo_0_ded19aca408a3520139e",
  tool_input: { file_path: "/tmp/claude-tasks/notes.txt", content: "Hi" },
};

const task = {
  session_id: "00ff578e-015c-4403-b998-0b75edebb31d",
  result: "Paris",
  success: true,
  duration_ms: 1419,
  tokens: { input: 19, output: 1, cache_read: 0, cache_write: 100 },
  cost_usd: 0.0000149,
  error: null,
};

const failed = {
  session_id: "5f0e3ef2-7f0e-4c5c-8f0f-0d2f5f5b8f11",
  result: "",
  success: false,
  duration_ms: 1203,
  tokens: { input: 0, output: 0, cache_read: 0, cache_write: 0 },
  cost_usd: 0,
  error: "API Error: 401 invalid x-api-key",
};

const refused =
  "Write failed: Claude requested permissions to write to /tmp/claude-tasks/notes.txt, but you haven't granted it yet.";

const denied = {
  session_id: TASK_ID,
  result: refused,
  success: true,
  duration_ms: 1658,
  tokens: { input: 29, output: 35, cache_read: 1000, cache_write: 200 },
  cost_usd: 0.0000554,
  error: null,
  permission_denials: [denial],
};

const answered = {
  session_id: SESSION_ID,
  result: "I remember 0 earlier prompts: []",
  success: true,
  duration_ms: 1792,
  tokens: { input: 8, output: 6, cache_read: 0, cache_write: 100 },
  cost_usd: 0.0000163,
  error: null,
};

const approved = {
  session_id: TASK_ID,
  result: "Write answered: File created successfully at: /tmp/claude-tasks/notes.txt",
  success: true,
  duration_ms: 1541,
  tokens: { input: 92, output: 28, cache_read: 3000, cache_write: 220 },
  cost_usd: 0.0000553,
  error: null,
  approved: [{ tool_use_id: denial.tool_use_id, ran: true }],
};

const session = {
  session_id: SESSION_ID,
  created_at: "2026-03-02T16:19:08.495Z",
  last_used: "2026-03-02T16:19:10.333Z",
  model: "haiku",
  task_count: 1,
  workdir: `/tmp/claude-tasks/${SESSION_ID}`,
  tokens: answered.tokens,
  cost_usd: answered.cost_usd,
};

const listedTask = {
  session_id: TASK_ID,
  key_id: "bob",
  created_at: "2026-03-02T16:19:10.402Z",
  last_used: "2026-03-02T16:19:12.060Z",
  model: "haiku",
  task_count: 1,
  workdir: "/tmp/claude-tasks",
  tokens: denied.tokens,
  cost_usd: denied.cost_usd,
};

const approval = {
  id: "0d8c8ef0-1d7c-4f0e-9c5a-3b8f6f3d2a10",
  session_id: TASK_ID,
  turn_id: TASK_ID,
  key_id: "bob",
  kind: "tool",
  tool_use_id: denial.tool_use_id,
  tool: denial.tool_name,
  input: denial.tool_input,
  workdir: "/tmp/claude-tasks",
  status: "pending",
  parked: false,
  asked_at: "2026-03-02T16:19:11.230Z",
  expires_at: "2026-03-03T16:19:11.230Z",
};

const decided = {
  ...approval,
  status: "allowed",
  decision: {
    decision: "allow",
    scope: "session",
    channel: "key",
    who: "bob",
    from: "127.0.0.1",
    at: "2026-03-02T16:20:02.117Z",
  },
};

const grant = {
  id: "6f1b9f0a-4c55-4a0e-8f5e-0f9a1c2d3e4f",
  session_id: TASK_ID,
  key_id: "bob",
  tool: approval.tool,
  input: approval.input,
  approval_id: approval.id,
  granted_by: "key bob",
  granted_at: decided.decision.at,
};

const stream = [
  "id: 2\nevent: text\ndata: Write failed:",
  `id: 15\nevent: text\ndata: ${refused}`,
  `id: 16\nevent: permission_denied\ndata: ${JSON.stringify([denial])}`,
  `id: 17\nevent: done\ndata: ${JSON.stringify(denied)}`,
  "",
].join("\n\n");

const TURN_ID = "0b9a5c6e-6c39-4e1f-9a0e-0f6f9d3f3c11";

const noticed = {
  session_id: SESSION_ID,
  result: "The build has finished.",
  success: true,
  duration_ms: 214,
  tokens: { input: 48, output: 4, cache_read: 2000, cache_write: 100 },
  cost_usd: 0.000586,
  error: null,
};

const sessionStream = [
  { id: 1796000000000000, event: "background", data: { background: [] } },
  {
    id: 1796000000000001,
    event: "turn",
    data: { turn_id: TURN_ID, origin: "background", created_at: "2030-01-01T10:00:00.000Z" },
  },
  { id: 1796000000000002, event: "text", data: { turn_id: TURN_ID, text: noticed.result } },
  {
    id: 1796000000000003,
    event: "done",
    data: { turn_id: TURN_ID, origin: "background", response: noticed },
  },
]
  .map(({ id, event, data }) => `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
  .join("");

const messages = {
  session_id: SESSION_ID,
  transcript: "found",
  turns: [
    {
      turn_id: TURN_ID,
      origin: "prompt",
      created_at: "2026-03-02T16:19:10.402Z",
      messages: [
        {
          role: "user",
          at: "2026-03-02T16:19:10.402Z",
          content: [{ type: "text", text: "What does the file say?" }],
        },
        {
          role: "assistant",
          at: "2026-03-02T16:19:11.020Z",
          model: "claude-haiku-4-5",
          content: [
            { type: "tool_use", id: "toolu_demo_0", name: "Read", input: { file_path: "notes.txt" } },
          ],
        },
        {
          role: "user",
          at: "2026-03-02T16:19:11.102Z",
          content: [{ type: "tool_result", tool_use_id: "toolu_demo_0", ok: true, text: "Hi" }],
        },
        {
          role: "assistant",
          at: "2026-03-02T16:19:11.730Z",
          model: "claude-haiku-4-5",
          content: [{ type: "text", text: "It says Hi." }],
        },
      ],
    },
  ],
  total: 1,
  page: 1,
  limit: 20,
};

export const EXAMPLES = {
  health: { status: "ok", version: "0.1.0", uptime_secs: 86 },
  ready: { status: "ready" },
  models: {
    models: [
      { id: "default", name: "Default (recommended)" },
      { id: "opus", name: "Opus" },
      { id: "sonnet", name: "Sonnet" },
      { id: "haiku", name: "Haiku" },
    ],
  },
  taskRequest: { prompt: "What is the capital of France? Answer in one word.", model: "haiku" },
  toolRequest: { prompt: "Write Hi into notes.txt", model: "haiku", stream: "text" },
  task,
  failed,
  denied,
  sessionStart: { model: "haiku" },
  sessionStarted: {
    session_id: SESSION_ID,
    workdir: session.workdir,
    created_at: session.created_at,
  },
  sessionUpdate: { title: "Capitals", effort: "low", append_system_prompt: null },
  titled: { ...session, title: "Capitals" },
  sessionTurn: { prompt: "What did I ask before?" },
  answered,
  session,
  sessions: { sessions: [session], total: 1, page: 1, limit: 20 },
  tasks: { tasks: [listedTask], total: 1, page: 1, limit: 20 },
  messages,
  forkRequest: { at: TURN_ID },
  forked: {
    session_id: "2e3bc5e0-7851-4acf-aac1-2b1eddc3d7b4",
    workdir: "/tmp/claude-tasks/2e3bc5e0-7851-4acf-aac1-2b1eddc3d7b4",
    created_at: "2026-03-02T16:20:12.060Z",
    forked_from: { session_id: SESSION_ID, turn_id: TURN_ID },
  },
  fileList: {
    path: "",
    entries: [
      { name: "notes.txt", type: "file", size: 2, modified_at: "2026-03-02T16:19:11.230Z" },
      { name: "src", type: "folder", size: null, modified_at: "2026-03-02T16:19:11.230Z" },
    ],
    total: 2,
    page: 1,
    limit: 20,
  },
  fileWritten: { path: "notes.txt", size: 2, created: true },
  fileDeleted: { deleted: true, path: "notes.txt" },
  interrupted: { session_id: SESSION_ID, interrupted: true },
  deleted: { deleted: true, session_id: SESSION_ID },
  approveRequest: { tool_use_ids: [denial.tool_use_id] },
  approved,
  turn: {
    turn_id: TASK_ID,
    session_id: TASK_ID,
    origin: "prompt",
    created_at: "2026-03-02T16:19:10.402Z",
    state: "completed",
    result: denied,
  },
  running: {
    turn_id: TASK_ID,
    session_id: TASK_ID,
    origin: "prompt",
    created_at: "2026-03-02T16:19:10.402Z",
    state: "running",
    result: null,
  },
  stream,
  sessionStream,
  approval,
  approvals: { approvals: [approval], total: 1, page: 1, limit: 20 },
  answersRequest: { answers: { "Which way?": "left" } },
  answersAccepted: { answered: true, turn_id: TASK_ID, id: "toolu_demo_0_c713b7be218fc2b6da0b" },
  decide: { decision: "allow", scope: "session" },
  deny: { decision: "deny", message: "Use another file." },
  decided,
  grants: { grants: [grant], total: 1, page: 1, limit: 20 },
  revoked: { revoked: true, id: grant.id },
} as const;
