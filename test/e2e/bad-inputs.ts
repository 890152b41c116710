import { ERROR_STATUS, isObject, type SchemaName, schemaOf } from "@claudeway/schemas";

function namesOf(name: SchemaName): string {
  const { properties } = schemaOf(name);
  const names = isObject(properties) ? Object.keys(properties) : [];
  return names.join(", ");
}

/** What is sent beside method and path. */
export interface Sent {
  /** Text or bytes go as they are, anything else as JSON. */
  readonly body?: unknown;
  /** An empty one is left out. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The whole Authorization header; null sends none. */
  readonly authorization?: string | null;
  /** With the headers of a WebSocket handshake, but those that `headers` leave out. */
  readonly upgrade?: true;
  /** How it is printed, where it can't be as it is. */
  readonly shown?: string;
  /** The same of method and path. */
  readonly shownRequest?: string;
}

/** A request that is refused, and the answer that it gets. */
export interface BadInput {
  /**
   * Method and path; `{session}`, `{turn}`, `{stranger's session}` and `{stranger's turn}` are replaced by real ids.
   */
  readonly request: string;
  readonly sent: Sent;
  readonly status: number;
  readonly code: string;
  readonly error: string;
}

/** Bytes that are sent instead of a request. */
export type BadBytes = Omit<BadInput, "sent" | "request"> & {
  readonly bytes: string;
  readonly shown?: string;
};

/** A first message of a WebSocket that is refused. Without an error the socket is closed without a word. */
export interface BadFrame {
  readonly frame: string | Uint8Array;
  readonly shown?: string;
  readonly error?: string;
  readonly close: number;
}

export interface Section {
  readonly title: string;
  readonly inputs: readonly BadInput[];
}

/** The secret that the test's gateway knows. */
export const SECRET = "sk-requests-0123456789";
/** Its limit of a body, in bytes. */
export const BODY_BYTES = 65_536;

const SEND = 'send "Authorization: Bearer <secret>"';
const NEW_TASK = `known fields: ${namesOf("task-request")}`;
const NEW_TURN = `known fields: ${namesOf("session-turn-request")}`;
const NEW_SESSION = `known fields: ${namesOf("session-start-request")}`;
const PROMPT = "a string that is not blank or a list of content blocks";
const MODEL = "the name or alias of a model, such as sonnet";
const SECS = "a number greater than 0 and at most 86400";
const IDS = "a list of at least one tool_use_id of a denied call, without duplicates";
const STATUSES = "pending, allowed, denied, expired or withdrawn";
const NOWHERE = "00000000-0000-4000-8000-000000000000";
const HI = { prompt: "Hi" };

const BODIES: readonly BadInput[] = [
  bad("POST /task", 400, `prompt is missing; it must be ${PROMPT}`),
  bad("POST /task", 400, `prompt is missing; it must be ${PROMPT}`, { body: {} }),
  bad("POST /task", 400, "the body must be JSON: Unexpected end of JSON input", { body: '{"prompt":' }),
  bad("POST /task", 400, "body must be an object, got an array of 1 item", { body: "[1]" }),
  bad("POST /task", 400, "body must be an object, got null", { body: "null" }),
  bad("POST /task", 400, 'body must be an object, got "Hi"', { body: '"Hi"' }),
  bad("POST /task", 400, "body must be an object, got 7", { body: "7" }),
  bad("POST /task", 400, "the body is not valid UTF-8", {
    body: Buffer.from('{"prompt":"\xff"}', "latin1"),
    shown: '{"prompt":"\\xff"}, that byte as it is',
  }),
  bad("POST /task", 400, "the body must not have a property __proto__", {
    body: '{"prompt":"Hi","__proto__":{"verbatim":true}}',
  }),
  bad(
    "POST /task",
    400,
    "prompt[0] must be a text, image, document or tool_result block, got an array of 1 item",
    {
      body: `{"prompt":${"[".repeat(199)}${"]".repeat(199)}}`,
      shown: '{"prompt":[[[…]]]}, 200 deep',
    },
  ),
  bad("POST /task", 400, "the body must be nested at most 200 levels deep", {
    body: `{"prompt":${"[".repeat(200)}${"]".repeat(200)}}`,
    shown: '{"prompt":[[[…]]]}, 201 deep',
  }),
  bad("POST /task", 413, `the body must be at most ${BODY_BYTES} bytes`, {
    body: { prompt: "x".repeat(66_000) },
    shown: '{"prompt":"xxx…"}, 66,013 bytes where 65,536 are allowed',
  }),
  bad("POST /task", 415, "content-type must be application/json, got none", {
    body: HI,
    headers: { "content-type": "" },
    shown: '{"prompt":"Hi"} without Content-Type',
  }),
  bad("POST /task", 415, "content-type must be application/json, got text/plain", {
    body: HI,
    headers: { "content-type": "text/plain" },
  }),
  bad("POST /task", 415, "content-type must be application/json, got application/x-www-form-urlencoded", {
    body: "prompt=Hi",
    headers: { "content-type": "application/x-www-form-urlencoded" },
  }),
  bad(
    "POST /session/start",
    415,
    "content-type must be application/json, got multipart/form-data; boundary=X",
    {
      body: '--X\r\ncontent-disposition: form-data; name="model"\r\n\r\nhaiku\r\n--X--\r\n',
      headers: { "content-type": "multipart/form-data; boundary=X" },
      shown: "a form, Content-Type: multipart/form-data; boundary=X",
    },
  ),
  bad("POST /task", 400, "the form is invalid: Multipart: Boundary not found", {
    body: "--X--\r\n",
    headers: { "content-type": "multipart/form-data" },
    shown: "a form, Content-Type: multipart/form-data",
  }),
  bad(
    "POST /task",
    400,
    'the file\'s name must have no slashes, backslashes and control characters, got "../x"',
    {
      body: '--X\r\ncontent-disposition: form-data; name="f"; filename="../x"\r\n\r\nHi\r\n--X--\r\n',
      headers: { "content-type": "multipart/form-data; boundary=X" },
      shown: "a form with a file that is named ../x",
    },
  ),
  bad("POST /task", 415, "content-encoding must be identity, got gzip", {
    body: HI,
    headers: { "content-encoding": "gzip" },
  }),
];

const FIELDS: readonly BadInput[] = [
  ...["POST /task", "POST /task/stream", "POST /session/{session}", "POST /session/{session}/stream"].flatMap(
    (request) => [
      bad(request, 400, `prompt must be ${PROMPT}, got ""`, { body: { prompt: "" } }),
      bad(request, 400, `prompt must be ${PROMPT}, got " \\n"`, { body: { prompt: " \n" } }),
      bad(request, 400, `prompt must be ${PROMPT}, got 5`, { body: { prompt: 5 } }),
      bad(request, 400, 'verbatim must be true or false, got "yes"', { body: { ...HI, verbatim: "yes" } }),
      bad(request, 400, `timeout_secs must be ${SECS}, got 0`, { body: { ...HI, timeout_secs: 0 } }),
      bad(request, 400, 'stream must be text or delta, got "sse"', { body: { ...HI, stream: "sse" } }),
    ],
  ),
  bad("POST /task", 400, `prompt must be ${PROMPT}, got null`, { body: { prompt: null } }),
  bad("POST /task", 400, "prompt[0].text is missing; it must be a non-empty string", {
    body: { prompt: [{ type: "text" }] },
  }),
  bad("POST /task", 400, 'unknown field "modle"; did you mean model?', { body: { ...HI, modle: "opus" } }),
  bad("POST /task", 400, `unknown field "zebra"; ${NEW_TASK}`, { body: { ...HI, zebra: 1 } }),
  bad("POST /task", 400, `model must be ${MODEL}, got "--help"`, { body: { ...HI, model: "--help" } }),
  bad("POST /task", 400, `model must be ${MODEL}, got ""`, { body: { ...HI, model: "" } }),
  bad("POST /task", 400, `model must be ${MODEL}, got "a\\u0000b"`, { body: { ...HI, model: "a\u0000b" } }),
  bad("POST /task", 400, `model must be ${MODEL}, got "two words"`, { body: { ...HI, model: "two words" } }),
  bad("POST /task", 400, `timeout_secs must be ${SECS}, got "60"`, { body: { ...HI, timeout_secs: "60" } }),
  bad("POST /task", 400, `timeout_secs must be ${SECS}, got -1`, { body: { ...HI, timeout_secs: -1 } }),
  bad("POST /task", 400, `timeout_secs must be ${SECS}, got 86401`, {
    body: { ...HI, timeout_secs: 86_401 },
  }),
  bad("POST /task", 400, "detach must be true or false, got 1", { body: { ...HI, detach: 1 } }),
  bad("POST /task", 400, 'system_prompt must be a non-empty string without NUL characters, got ""', {
    body: { ...HI, system_prompt: "" },
  }),
  bad("POST /task", 400, 'workdir must be an existing directory, got "/no/where"', {
    body: { ...HI, workdir: "/no/where" },
  }),
  bad("POST /task", 400, 'workdir must be an existing directory, got "/etc/hostname"', {
    body: { ...HI, workdir: "/etc/hostname" },
  }),
  bad("POST /task", 400, 'workdir must be inside the base folder if it is relative, got "../.."', {
    body: { ...HI, workdir: "../.." },
  }),
  bad("POST /task", 400, 'workdir must be the path of a folder, at most 4096 characters, got "/tmp\\u0000"', {
    body: { ...HI, workdir: "/tmp\u0000" },
  }),
  bad("POST /task", 400, 'effort must be low, medium, high, xhigh or max, got "hihg"; did you mean high?', {
    body: { ...HI, effort: "hihg" },
  }),
  bad("POST /task", 400, 'permission_mode must be default or plan, got "bypassPermissions"', {
    body: { ...HI, permission_mode: "bypassPermissions" },
  }),
  bad("POST /task", 400, "max_turns must be an integer from 1 to 100000, got 0", {
    body: { ...HI, max_turns: 0 },
  }),
  bad("POST /task", 403, 'tools must be allowed for the key: [keys.admin] allow must contain "tools"', {
    body: { ...HI, tools: ["Read"] },
  }),
  bad("POST /session/start", 400, "body must be an object, got an empty array", { body: [] }),
  bad("POST /session/start", 400, `unknown field "prompt"; ${NEW_SESSION}`, {
    body: HI,
  }),
  bad("POST /session/start", 400, `model must be ${MODEL}, got 4`, { body: { model: 4 } }),
  bad("POST /session/start", 400, 'workdir must be an existing directory, got "/no/where"', {
    body: { workdir: "/no/where" },
  }),
  bad("POST /session/{session}", 400, `unknown field "workdir"; ${NEW_TURN}`, {
    body: { ...HI, workdir: "/srv" },
  }),
  bad("POST /session/{session}", 400, "restart_conversation must be true or false, got 1", {
    body: { ...HI, restart_conversation: 1 },
  }),
  bad("POST /session/{session}", 400, "withdraw_pending must be true or false, got null", {
    body: { ...HI, withdraw_pending: null },
  }),
  bad("POST /session/{session}/approve", 400, `tool_use_ids is missing; it must be ${IDS}`, { body: {} }),
  bad("POST /session/{session}/approve", 400, `tool_use_ids must be ${IDS}, got an empty array`, {
    body: { tool_use_ids: [] },
  }),
  bad("POST /session/{session}/approve", 400, `tool_use_ids must be ${IDS}, got a duplicate item`, {
    body: { tool_use_ids: ["a", "a"] },
  }),
  bad("POST /session/{session}/approve", 400, "tool_use_ids[1] must be a non-empty string, got 3", {
    body: { tool_use_ids: ["a", 3] },
  }),
  bad(
    "POST /session/{session}/approve",
    400,
    "tool_use_ids: toolu_1 was not denied in this session; denied calls: none",
    {
      body: { tool_use_ids: ["toolu_1"] },
    },
  ),
  bad(`POST /approvals/${NOWHERE}`, 400, "decision is missing; it must be allow or deny", { body: {} }),
  bad(`POST /approvals/${NOWHERE}`, 400, 'decision must be allow or deny, got "yes"', {
    body: { decision: "yes" },
  }),
  bad(
    `POST /approvals/${NOWHERE}`,
    400,
    "updated_input must be an object with the whole input, got an array of 1 item",
    {
      body: { decision: "allow", updated_input: [1] },
    },
  ),
  bad(`POST /approvals/${NOWHERE}`, 400, 'scope must be once or session, got "always"', {
    body: { decision: "allow", scope: "always" },
  }),
  bad(
    `POST /approvals/${NOWHERE}`,
    400,
    'message must be a non-empty string of at most 10000 characters, got ""',
    {
      body: { decision: "deny", message: "" },
    },
  ),
];

const CALLERS: readonly BadInput[] = [
  bad("POST /task", 401, `no key: ${SEND}`, { body: HI, authorization: null }),
  bad("POST /task", 401, `unknown key: ${SEND}`, { body: HI, authorization: "Bearer sk-x" }),
  bad("POST /task", 401, `no Bearer key: ${SEND}`, {
    body: HI,
    authorization: SECRET,
    shown: "Authorization: <secret>",
  }),
  bad("POST /task", 401, `no Bearer key: ${SEND}`, { body: HI, authorization: "Bearer" }),
  bad("GET /sessions", 401, `no Bearer key: ${SEND}`, { authorization: "Basic YWRtaW46c2VjcmV0" }),
  bad("GET /nowhere", 401, `no key: ${SEND}`, { authorization: null }),
  bad("GET /task/ws", 401, `no key: ${SEND}`, { authorization: null, upgrade: true }),
];

const PATHS: readonly BadInput[] = [
  bad("POST /taskz", 404, "no route POST /taskz"),
  bad("POST /taskz", 404, "no route POST /taskz", { body: '{"prompt":' }),
  bad("POST /taskz", 404, "no route POST /taskz", {
    body: "prompt=Hi",
    headers: { "content-type": "application/x-www-form-urlencoded" },
  }),
  bad("POST /task//stream", 404, "no route POST /task//stream"),
  bad("GET /task/ws", 404, "no route GET /task/ws"),
  bad("GET /session", 404, "no route GET /session"),
  bad("GET /session/%zz", 404, "no such session"),
  bad("GET /session/x", 404, "no such session"),
  bad("GET /session/..%2f..%2fetc", 404, "no such session"),
  bad("GET /session/{stranger's session}", 404, "no such session"),
  bad("POST /session/{stranger's session}", 404, "no such session", { body: HI }),
  bad("POST /session/{stranger's session}/stream", 404, "no such session", { body: HI }),
  bad("POST /session/{stranger's session}/interrupt", 404, "no such session"),
  bad("POST /session/{stranger's session}/approve", 404, "no such session", {
    body: { tool_use_ids: ["a"] },
  }),
  bad("DELETE /session/{stranger's session}", 404, "no such session"),
  bad("GET /session/{stranger's session}/messages", 404, "no such session"),
  bad("POST /session/{stranger's session}/fork", 404, "no such session", { body: {} }),
  bad("GET /session/{stranger's session}/files", 404, "no such session"),
  bad("PUT /session/{stranger's session}/files/a.txt", 404, "no such session", { body: "Hi" }),
  bad("GET /session/{session}/files/a.txt", 404, "no such file"),
  bad("GET /session/{session}/files/..", 400, `the file's path must not contain "." or "..", got "/.."`),
  bad("GET /session/{session}/files/a//b", 400, `the file's path must have no empty names, got "/a//b"`),
  bad(
    "GET /session/{session}/files/a%2fb",
    400,
    `the file's path must have names without slashes and null characters, got "/a%2fb"`,
  ),
  bad("PUT /session/{session}/files/%ff", 400, `the file's path must be percent-encoded UTF-8, got "/%ff"`, {
    body: "Hi",
  }),
  bad(
    "PUT /session/{session}/files/.git/config",
    403,
    '".git" is not written or removed here: tools run it by themselves',
    { body: "Hi" },
  ),
  bad(`POST /session/{session}/fork`, 400, "at must be a turn that is in the session's conversation", {
    body: { at: NOWHERE },
  }),
  bad("GET /turns/{stranger's turn}", 404, "no such turn"),
  bad("GET /turns/{stranger's turn}/events", 404, "no such turn"),
  bad("GET /turns/x", 404, "no such turn"),
  bad("POST /turns/{stranger's turn}/answers", 404, "no such turn", { body: { answers: { "Which?": "a" } } }),
  bad(
    "POST /turns/{turn}/answers",
    409,
    "no question waits in this turn: none was asked, or it was answered",
    { body: { answers: { "Which?": "a" } } },
  ),
  bad(
    "POST /turns/{turn}/answers",
    400,
    'answers must be an object with an answer for each question, such as {"Which way?": "left"}, got "left"',
    { body: { answers: "left" } },
  ),
  bad(
    "POST /turns/{turn}/answers",
    400,
    'answers."Which?" must be the label of an option, a list of labels, or {"text": "..."}, got 1',
    { body: { answers: { "Which?": 1 } } },
  ),
  bad(`GET /approvals/${NOWHERE}`, 404, "no such approval"),
  bad(`POST /approvals/${NOWHERE}`, 404, "no such approval", { body: { decision: "allow" } }),
  bad(`DELETE /approvals/grants/${NOWHERE}`, 404, "no such grant"),
  bad("GET /task", 405, "the method must be POST, got GET"),
  bad("OPTIONS /task", 405, "the method must be POST, got OPTIONS"),
  bad("PUT /session/{session}", 405, "the method must be DELETE, GET, HEAD, PATCH or POST, got PUT"),
  bad("PATCH /turns/{turn}", 405, "the method must be GET or HEAD, got PATCH"),
  bad("DELETE /health", 405, "the method must be GET or HEAD, got DELETE"),
  bad("POST /tasks", 405, "the method must be GET or HEAD, got POST"),
  bad("DELETE /session/{session}/files", 405, "the method must be GET or HEAD, got DELETE"),
  bad("PUT /session/{session}/files", 405, "the method must be GET or HEAD, got PUT", {
    body: "Hi",
    headers: { "content-type": "" },
    shown: "Hi without Content-Type",
  }),
  bad("POST /models", 405, "the method must be GET or HEAD, got POST"),
  bad("POST /approvals", 405, "the method must be GET or HEAD, got POST"),
  bad("GET /session/start", 405, "the method must be POST, got GET"),
  bad("OPTIONS /session/start", 405, "the method must be POST, got OPTIONS"),
  bad("POST /approvals/grants", 405, "the method must be GET or HEAD, got POST", { body: {} }),
];

const PARAMETERS: readonly BadInput[] = [
  bad("GET /sessions?page=0", 400, 'page must be an integer from 1 to 1000000, got "0"'),
  bad("GET /sessions?page=-1", 400, 'page must be an integer from 1 to 1000000, got "-1"'),
  bad("GET /sessions?page=1.5", 400, 'page must be an integer from 1 to 1000000, got "1.5"'),
  bad("GET /sessions?page=1&page=2", 400, 'page must be an integer from 1 to 1000000, got ["1","2"]'),
  bad("GET /sessions?limit=1001", 400, 'limit must be an integer from 1 to 1000, got "1001"'),
  bad("GET /sessions?limit=", 400, 'limit must be an integer from 1 to 1000, got ""'),
  bad("GET /sessions?limit=ten", 400, 'limit must be an integer from 1 to 1000, got "ten"'),
  bad("GET /tasks?page=0", 400, 'page must be an integer from 1 to 1000000, got "0"'),
  bad(
    "GET /sessions?metadata.team=a&metadata.team=b",
    400,
    "metadata.team must be a string of at most 512 characters, got an array of 2 items",
  ),
  bad("GET /session/{session}/messages?limit=0", 400, 'limit must be an integer from 1 to 1000, got "0"'),
  bad("GET /approvals?status=open", 400, `status must be ${STATUSES}, got "open"`),
  bad("GET /approvals?status=pending&status=denied", 400, "status must be given once"),
  bad("GET /approvals?limit=0", 400, 'limit must be an integer from 1 to 1000, got "0"'),
  bad("GET /approvals/grants?page=x", 400, 'page must be an integer from 1 to 1000000, got "x"'),
  bad("GET /approvals/grants?session_id=a&session_id=b", 400, "session_id must be given once"),
  bad("GET /approvals/grants?session_id=a", 400, 'session_id must be the id of a session, got "a"'),
  bad(`GET /sessions?${"a&".repeat(100)}`, 400, "the query must have at most 100 parameters, got 101", {
    shownRequest: "GET /sessions?a&a&a…, 101 parameters",
  }),
  bad(`GET /sessions?a=${"x".repeat(9000)}`, 431, "the request target must be at most 8192 bytes, got 9012", {
    shownRequest: "GET /sessions?a=xxx…, 9,012 bytes",
  }),
  bad("GET /turns/{turn}/events?stream=sse", 400, 'stream must be text or delta, got "sse"'),
];

const HEADERS: readonly BadInput[] = [
  header(
    "POST /task",
    "Idempotency-Key: a b",
    400,
    "Idempotency-Key must be 1 to 255 visible ASCII characters",
    HI,
  ),
  header(
    "POST /task",
    "Idempotency-Key:",
    400,
    "Idempotency-Key must be 1 to 255 visible ASCII characters",
    HI,
  ),
  bad("POST /task/stream", 400, "Idempotency-Key must be 1 to 255 visible ASCII characters", {
    body: HI,
    headers: { "idempotency-key": "x".repeat(256) },
    shown: "Idempotency-Key: xxx…, 256 characters",
  }),
  header("POST /task", "Idempotency-Key: used", 409, "this Idempotency-Key was used with another body", HI),
  header(
    "GET /turns/{turn}/events",
    "Last-Event-ID: x",
    400,
    'Last-Event-ID must be the id of an event, got "x"',
  ),
  header(
    "GET /turns/{turn}/events",
    "Last-Event-ID: -1",
    400,
    'Last-Event-ID must be the id of an event, got "-1"',
  ),
  header(
    "GET /session/{session}/events",
    "Last-Event-ID: x",
    400,
    'Last-Event-ID must be the id of an event, got "x"',
  ),
  header("POST /task", "Expect: cake", 400, 'Expect must be 100-continue, got "cake"', HI),
  bad("GET /sessions", 431, "the request must have at most 200 header fields", {
    headers: Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`x-${index}`, "1"])),
    shown: "X-0: 1, X-1: 1, … X-199: 1",
  }),
  bad("GET /sessions", 431, "request header fields too large", {
    headers: { cookie: "x".repeat(20_000) },
    shown: "Cookie: xxx…, 20,000 bytes",
  }),
  bad("GET /task/ws", 400, "invalid WebSocket handshake: Missing or invalid Sec-WebSocket-Key header", {
    upgrade: true,
    headers: { "sec-websocket-key": "" },
    shown: "a handshake without Sec-WebSocket-Key",
  }),
  bad("GET /task/ws", 400, "invalid WebSocket handshake: Missing or invalid Sec-WebSocket-Version header", {
    upgrade: true,
    headers: { "sec-websocket-version": "7" },
    shown: "a handshake with Sec-WebSocket-Version: 7",
  }),
  bad("GET /task/stream", 404, "no WebSocket at /task/stream; use /task/ws", { upgrade: true }),
];

/** Every kind of request that is refused. */
export const BAD_INPUTS: readonly Section[] = [
  { title: "Authentication", inputs: CALLERS },
  { title: "Routes", inputs: PATHS },
  { title: "Format of the body", inputs: BODIES },
  { title: "Fields of the body", inputs: FIELDS },
  { title: "Query parameters", inputs: PARAMETERS },
  { title: "Headers", inputs: HEADERS },
];

/** What Node's own parser refuses, before the gateway sees a request. */
export const BAD_BYTES: readonly BadBytes[] = [
  bytes("Hello?\r\n\r\n", 400),
  bytes("FETCH / HTTP/1.1\r\n\r\n", 400),
  bytes("GET / HTTP/9.9\r\n\r\n", 400),
  bytes("GET /health HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", 400),
  bytes("GET /health HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n", 400),
  bytes("POST /task HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
  bytes("POST /task HTTP/1.1\r\nHost: x\r\nContent-Length: one\r\n\r\n", 400),
  bytes("POST /task HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
  bytes("POST /task HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", 400),
  bytes("GET /health HTTP/1.1\r\n\r\n", 400, "Host is missing; HTTP/1.1 requires it"),
  bytes("GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "Host must be given once"),
  bytes(
    "GET /health HTTP/1.1\r\nHost: a/b\r\n\r\n",
    400,
    'Host must be a host name with or without a port, got "a/b"',
  ),
  bytes(
    "GET http:// HTTP/1.1\r\nHost: x\r\n\r\n",
    400,
    'the request target must be a path such as /health, got "http://"',
  ),
  bytes(
    "GET http://[::1/health HTTP/1.1\r\nHost: x\r\n\r\n",
    400,
    'the request target must be a path such as /health, got "http://[::1/health"',
  ),
  bytes("GET /health#top HTTP/1.1\r\nHost: x\r\n\r\n", 400, "the request target must not have a fragment"),
  bytes("CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "CONNECT is not supported: this is not a proxy"),
  bytes(
    `GET /${"x".repeat(20_000)} HTTP/1.1\r\n\r\n`,
    431,
    "request header fields too large",
    "GET /xxx… HTTP/1.1, 20,000 bytes",
  ),
];

export const BAD_FRAMES: readonly BadFrame[] = [
  {
    frame: "Hi",
    error: "the first message must be JSON: Unexpected token 'H', \"Hi\" is not valid JSON",
    close: 1008,
  },
  { frame: "{}", error: `prompt is missing; it must be ${PROMPT}`, close: 1008 },
  { frame: '{"prompt":""}', error: `prompt must be ${PROMPT}, got ""`, close: 1008 },
  { frame: '{"event":"interrupt"}', error: `prompt is missing; it must be ${PROMPT}`, close: 1008 },
  {
    frame: '{"prompt":"Hi","workdir":"/no/where"}',
    error: 'workdir must be an existing directory, got "/no/where"',
    close: 1008,
  },
  {
    frame: Buffer.from('{"prompt":"Hi"}'),
    shown: '{"prompt":"Hi"} as a binary message',
    error: "the first message must be a task as JSON text, got binary data",
    close: 1008,
  },
  {
    frame: `{"prompt":${"[".repeat(30_000)}${"]".repeat(30_000)}}`,
    shown: '{"prompt":[[[…]]]}, 30,000 deep',
    error: "the body must be nested at most 200 levels deep",
    close: 1008,
  },
  { frame: "x".repeat(BODY_BYTES + 1), shown: "xxx…, 65,537 bytes where 65,536 are allowed", close: 1009 },
];

/** How many there are in all. */
export const COUNT =
  BAD_INPUTS.reduce((sum, { inputs }) => sum + inputs.length, 0) + BAD_BYTES.length + BAD_FRAMES.length;

function bad(request: string, status: number, error: string, sent: Sent = {}): BadInput {
  return { request, sent, status, code: codeOf(status), error };
}

function header(request: string, line: string, status: number, error: string, body?: object): BadInput {
  const colon = line.indexOf(":");
  const headers = { [line.slice(0, colon)]: line.slice(colon + 1).trim() };
  return bad(request, status, error, { headers, shown: line, ...(body && { body }) });
}

function bytes(
  sent: string,
  status: number,
  error = "not a well-formed HTTP request",
  shown?: string,
): BadBytes {
  return { bytes: sent, status, code: codeOf(status), error, ...(shown && { shown }) };
}

function codeOf(status: number): string {
  const code = Object.entries(ERROR_STATUS).find(([, known]) => known === status)?.[0];
  if (code === undefined) throw new Error(`no code has the status ${status}`);
  return code;
}
