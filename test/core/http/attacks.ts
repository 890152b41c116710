/** Bytes that a hostile client sends on a connection of its own, and all that it may get for them. */
export interface Attack {
  readonly name: string;
  /** `{key}` is replaced by a caller's secret, `{session}` by another key's session. */
  readonly bytes: string;
  /** The statuses of the answers, in order; none: hung up on without a word. */
  readonly gets: readonly number[];
}

const KEY = "Authorization: Bearer {key}\r\n";
const JSON_TYPE = "Content-Type: application/json\r\n";
const CLOSE = "Connection: close\r\n";
/** Answered only if the one before it ended where the gateway thinks that it did. */
const NEXT = `GET /smuggled HTTP/1.1\r\nHost: x\r\n${CLOSE}\r\n`;

function get(target: string, more = ""): string {
  return `GET ${target} HTTP/1.1\r\nHost: x\r\n${more}${CLOSE}\r\n`;
}

function post(target: string, body: string, more = `${KEY}${JSON_TYPE}`): string {
  const length = Buffer.byteLength(body, "latin1");
  return `POST ${target} HTTP/1.1\r\nHost: x\r\n${more}${CLOSE}Content-Length: ${length}\r\n\r\n${body}`;
}

function chunked(chunks: string, te = "Transfer-Encoding: chunked\r\n"): string {
  return `POST /session/start HTTP/1.1\r\nHost: x\r\n${KEY}${JSON_TYPE}${te}\r\n${chunks}`;
}

/** Where one request ends and the next begins: two readings of that are one too many. */
const FRAMING: readonly Attack[] = [
  a(
    "a length and chunks",
    `POST /session/start HTTP/1.1\r\nHost: x\r\n${KEY}${JSON_TYPE}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${NEXT}`,
    400,
  ),
  a(
    "chunks and a length",
    `POST /session/start HTTP/1.1\r\nHost: x\r\n${KEY}${JSON_TYPE}Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n${NEXT}`,
    400,
  ),
  a(
    "two lengths",
    `POST /session/start HTTP/1.1\r\nHost: x\r\n${KEY}${JSON_TYPE}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}${NEXT}`,
    400,
  ),
  a(
    "the same length twice",
    `POST /session/start HTTP/1.1\r\nHost: x\r\n${KEY}${JSON_TYPE}Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}${NEXT}`,
    400,
  ),
  a(
    "a list of lengths",
    `POST /session/start HTTP/1.1\r\nHost: x\r\n${KEY}${JSON_TYPE}Content-Length: 2, 2\r\n\r\n{}${NEXT}`,
    400,
  ),
  a(
    "a signed length",
    `POST /session/start HTTP/1.1\r\nHost: x\r\n${KEY}${JSON_TYPE}Content-Length: +2\r\n\r\n{}${NEXT}`,
    400,
  ),
  a(
    "a hexadecimal length",
    `POST /session/start HTTP/1.1\r\nHost: x\r\n${KEY}${JSON_TYPE}Content-Length: 0x2\r\n\r\n{}${NEXT}`,
    400,
  ),
  a(
    "an empty length",
    `POST /session/start HTTP/1.1\r\nHost: x\r\n${KEY}${JSON_TYPE}Content-Length:\r\n\r\n${NEXT}`,
    400,
  ),
  a(
    "a length with a space in it",
    `POST /session/start HTTP/1.1\r\nHost: x\r\n${KEY}${JSON_TYPE}Content-Length: 1 2\r\n\r\n{}${NEXT}`,
    400,
  ),
  a(
    "a length before a colon with a space",
    `POST /session/start HTTP/1.1\r\nHost: x\r\n${KEY}${JSON_TYPE}Content-Length : 2\r\n\r\n{}${NEXT}`,
    400,
  ),
  a(
    "a length of zeros first",
    `POST /session/start HTTP/1.1\r\nHost: x\r\n${KEY}${JSON_TYPE}Content-Length: 0002\r\n\r\n{}${NEXT}`,
    200,
    401,
  ),
  a("an unknown encoding", chunked(`0\r\n\r\n${NEXT}`, "Transfer-Encoding: xchunked\r\n"), 400),
  a(
    "chunked in front of another encoding",
    chunked(`0\r\n\r\n${NEXT}`, "Transfer-Encoding: chunked, identity\r\n"),
    400,
  ),
  a("chunked twice", chunked(`0\r\n\r\n${NEXT}`, "Transfer-Encoding: chunked, chunked\r\n"), 400),
  a(
    "two fields of encodings",
    chunked(`0\r\n\r\n${NEXT}`, "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"),
    400,
  ),
  a("an encoding after a tab", chunked(`0\r\n\r\n${NEXT}`, "Transfer-Encoding:\tchunked\r\n"), 400, 401),
  a(
    "an encoding with a control character",
    chunked(`0\r\n\r\n${NEXT}`, "Transfer-Encoding: \x0bchunked\r\n"),
    400,
  ),
  a(
    "an encoding before a colon with a space",
    chunked(`0\r\n\r\n${NEXT}`, "Transfer-Encoding : chunked\r\n"),
    400,
  ),
  a("an encoding that is folded", chunked(`0\r\n\r\n${NEXT}`, "Transfer-Encoding:\r\n chunked\r\n"), 400),
  a("a chunk of a negative size", chunked(`-2\r\n{}\r\n0\r\n\r\n${NEXT}`), 400),
  a("a chunk of 0x2", chunked(`0x2\r\n{}\r\n0\r\n\r\n${NEXT}`), 400),
  a("a chunk of a size over all bounds", chunked(`FFFFFFFFFFFFFFFF1\r\n{}\r\n0\r\n\r\n${NEXT}`), 400),
  a("a chunk without its end", chunked(`2\r\n{}0\r\n\r\n${NEXT}`), 400),
  a("a chunk with a bare line feed", chunked(`2\n{}\n0\n\n${NEXT}`), 400),
  a("a chunk's extension with a line feed", chunked(`2;a="\n"\r\n{}\r\n0\r\n\r\n${NEXT}`), 400),
  a("extensions without an end", chunked(`2;${"a".repeat(20_000)}\r\n{}\r\n0\r\n\r\n${NEXT}`), 413),
  a("a trailer that changes the length", chunked(`2\r\n{}\r\n0\r\nContent-Length: 50\r\n\r\n${NEXT}`), 400),
  a(
    "a trailer with a key",
    `GET /sessions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n${KEY}\r\n`,
    401,
  ),
  a("bare line feeds", `GET /sessions HTTP/1.1\nHost: x\n${CLOSE}\n${NEXT}`, 400),
  a("bare carriage returns", `GET /sessions HTTP/1.1\rHost: x\r\r${NEXT}`, 400),
  a("a field that is folded", `GET /sessions HTTP/1.1\r\nHost: x\r\nX: a\r\n ${KEY}\r\n`, 400),
  a("a NUL in a field", `GET /sessions HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n`, 400),
  a("a line in front of the request", `\r\n\r\n${get("/health")}`, 200),
  a(
    "a body on GET, and a request in it",
    `GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: ${NEXT.length}\r\n\r\n${NEXT}${get("/health")}`,
    415,
    200,
  ),
  a(
    "chunks over HTTP/1.0",
    `POST /session/start HTTP/1.0\r\n${KEY}${JSON_TYPE}Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`,
    400,
  ),
  a(
    "a hundred requests ahead",
    `${"GET /health HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100)}${get("/health")}`,
    ...Array<number>(101).fill(200),
  ),
  a("a request behind one that is refused", `GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n${NEXT}`, 400),
  a("a request behind two hosts", `GET /health HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n${NEXT}`, 400),
];

/** Ways around the key by the way that a path is written. */
const PATHS: readonly Attack[] = [
  ...[
    "//sessions",
    "/./sessions",
    "/../sessions",
    "/health/../sessions",
    "/health/..;/sessions",
    "/health;/sessions",
    "/health%2f..%2fsessions",
    "/%2e%2e/sessions",
    "/sessions%00",
    "/sessions%00/health",
    "/sessions%20",
    "/sessions;/health",
    "/sessions%3f/health",
    "/sessions%23/health",
    "/SESSIONS",
    "/Health",
    "/health/",
    "/health%00",
    "/healthz",
    "/health.json",
    "/%68ealth",
    "/approvals/link",
    "/approvals/link/",
    "/approvals/link/a/b",
    "/approvals/Link/x",
    "/approvals/link%2fx",
    "/approvals/%6cink/x",
    "/approvals/link/../grants",
    "/admin%2foverview",
    "/%61dmin/overview",
    "/ADMIN/overview",
    "/admin;/overview",
    "/adminx",
    "/dashboard%2f",
    "/session/{session}",
    "/session/{session}/",
    "/turns/{session}",
    "/index.html",
    "/.env",
    "/ready/",
    "http://x/sessions",
    "http://user:pw@x/sessions",
    "HTTPS://x/sessions",
    "http://health/sessions",
    "/sessions?/health",
    "/sessions?path=/health",
    "/openapi.json",
    "/\\sessions",
    "/%5csessions",
    "/sessions/%c0%ae%c0%ae/",
    "/%ff",
    "*",
  ].map((target) => a(`GET ${target} without a key`, get(target), 401)),
  a("two slashes below a mount", get("/admin//overview"), 404),
  a("a way up below a mount", get("/dashboard/../admin/overview"), 404),
  a("an encoded way up below a mount", get("/dashboard/%2e%2e/%2e%2e/%2e%2e/etc/passwd"), 404),
  a("a way up into the data below a mount", get("/dashboard/..%2f..%2fdata%2fledger.sqlite"), 404),
  a("the mount's own path encoded twice", get("/admin/%256fverview"), 404),
  a("the admin API without a login", get("/admin/overview"), 401),
  a(
    "a path in another one's header",
    get("/sessions", "X-Original-URL: /health\r\nX-Rewrite-URL: /health\r\n"),
    401,
  ),
  a("a path of slashes", get("/".repeat(8000)), 401),
  a("a path of segments", get("/a".repeat(4000)), 401),
  a("a path of percents", get(`/session/${"%".repeat(8000)}`, KEY), 404),
  a("a path of encoded slashes", get(`/session/${"%2f".repeat(2600)}`, KEY), 404),
  a("a script in a path", get("/%3Cscript%3Ealert(1)%3C/script%3E", KEY), 404),
  a("a line in a path", get("/x%0d%0aSet-Cookie:%20a=b", KEY), 404),
  a(
    "another method in a header",
    `POST /session/{session} HTTP/1.1\r\nHost: x\r\n${KEY}X-HTTP-Method-Override: DELETE\r\n${CLOSE}Content-Length: 0\r\n\r\n`,
    400,
  ),
  a("TRACE", `TRACE /health HTTP/1.1\r\nHost: x\r\n${KEY}${CLOSE}\r\n`, 405),
  a("a method of another protocol", `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`, 400),
  a("a method in small letters", `get /health HTTP/1.1\r\nHost: x\r\n\r\n`, 400),
  a(
    "a proxy's request for somewhere else",
    `GET http://169.254.169.254/latest/meta-data HTTP/1.1\r\nHost: 169.254.169.254\r\n${CLOSE}\r\n`,
    401,
  ),
  a("CONNECT for a port of this machine", `CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\n\r\n`, 400),
];

/** Ways to be somebody else. */
const CALLERS: readonly Attack[] = [
  ...[
    "Authorization: Bearer\r\n",
    "Authorization: Bearer \r\n",
    "Authorization: {key}\r\n",
    "Authorization: Basic {key}\r\n",
    "Authorization: Bearer {key}x\r\n",
    "Authorization: Bearer {key}, Bearer x\r\n",
    "Authorization: Bearer x {key}\r\n",
    'Authorization: Bearer "{key}"\r\n',
    "Authorization: Bearer x\r\nAuthorization: Bearer {key}\r\n",
    "Proxy-Authorization: Bearer {key}\r\n",
    "Cookie: claudeway_admin={key}\r\n",
    "Cookie: key={key}\r\n",
    "X-Forwarded-User: admin\r\n",
    "X-Remote-User: admin\r\n",
    "X-Forwarded-For: 127.0.0.1\r\n",
    "Forwarded: for=127.0.0.1;host=localhost\r\n",
    "Authorization: Bearer %61\r\n",
    "Authorization: bearer\t\t\r\n",
    "Authorization: Digest username=admin\r\n",
    `Authorization: Bearer ${"x".repeat(12_000)}\r\n`,
    `Authorization: Bearer${" ".repeat(12_000)}x y\r\n`,
  ].map((header) => a(`${header.trim().slice(0, 60)} on another's session`, get("/sessions", header), 401)),
  a("a tab after Bearer", get("/sessions", "Authorization: Bearer\t{key}\r\n"), 401),
  a("a key in the query", get("/sessions?key={key}&access_token={key}&api_key={key}"), 401),
  a("a key in the target", get("http://admin:{key}@x/sessions"), 401),
  a("a key in a header that a proxy must drop", get("/sessions", `${KEY}Connection: authorization\r\n`), 200),
  a(
    "a stranger's WebSocket",
    get(
      "/task/ws",
      "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n",
    ).replace("Connection: close", "Connection: Upgrade"),
    401,
  ),
  a(
    "a WebSocket's protocol as a key",
    get(
      "/task/ws",
      "Upgrade: websocket\r\nSec-WebSocket-Protocol: Bearer, {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n",
    ).replace("Connection: close", "Connection: Upgrade"),
    401,
  ),
  a("another's session", get("/session/{session}", KEY), 404),
  a(
    "another's session, to be ended",
    `DELETE /session/{session} HTTP/1.1\r\nHost: x\r\n${KEY}${CLOSE}\r\n`,
    404,
  ),
  a("another's session, to be interrupted", post("/session/{session}/interrupt", ""), 404),
  a("another's session, by its id twice", get("/session/{session}%2f{session}", KEY), 404),
  a("everybody's sessions", get("/sessions?key_id=admin&all=true", KEY), 200),
  a("the admin API with another key", get("/admin/sessions", KEY), 403),
  a(
    "the login with another key",
    post("/admin/login", '{"key":"{key}"}', JSON_TYPE).replace(
      /Content-Length: \d+/,
      "Content-Length: {length}",
    ),
    401,
  ),
];

/** Bodies that are read another way than they were checked, or that cost more than they should. */
const BODIES: readonly Attack[] = [
  a("a field twice", post("/session/start", '{"model":"sonnet","model":5}'), 400),
  a("a prototype", post("/session/start", '{"__proto__":{"model":"x"}}'), 400),
  a("a prototype in escapes", post("/session/start", '{"\\u005f_proto__":{"model":"x"}}'), 400),
  a("a prototype further in", post("/session/start", '{"model":{"__proto__":{}}}'), 400),
  a("a constructor's prototype", post("/session/start", '{"constructor":{"prototype":{"model":"x"}}}'), 400),
  a("a byte order mark", post("/session/start", "\xef\xbb\xbf{}"), 200),
  a("UTF-16", post("/session/start", "{\0}\0"), 400),
  a(
    "UTF-16 by its name",
    post("/session/start", "{\0}\0", `${KEY}Content-Type: application/json; charset=utf-16le\r\n`),
    400,
  ),
  a("bytes that are not UTF-8", post("/session/start", '{"model":"\xc0\xae"}'), 400),
  a("a surrogate in UTF-8", post("/session/start", '{"model":"\xed\xa0\x80"}'), 400),
  a("half a surrogate", post("/session/start", '{"system_prompt":"\\ud800"}'), 200),
  a("a NUL in a text", post("/session/start", '{"system_prompt":"a\\u0000b"}'), 400),
  a("a NUL in a path", post("/session/start", '{"workdir":"/tmp\\u0000/x"}'), 400),
  a("a number over all bounds", post("/task", '{"prompt":"x","timeout_secs":1e400}'), 400),
  a("an invalid number", post("/task", '{"prompt":"x","timeout_secs":NaN}'), 400),
  a("a comment", post("/session/start", "{/* */}"), 400),
  a("two values", post("/session/start", "{}{}"), 400),
  a("nothing but a blank", post("/session/start", " "), 400),
  a(
    "a form",
    post("/session/start", "model=x", `${KEY}Content-Type: application/x-www-form-urlencoded\r\n`),
    415,
  ),
  a(
    "several parts",
    post("/session/start", "--x--", `${KEY}Content-Type: multipart/form-data; boundary=x\r\n`),
    415,
  ),
  a(
    "a patch of JSON",
    post("/session/start", "{}", `${KEY}Content-Type: application/json-patch+json\r\n`),
    415,
  ),
  a("two types", post("/session/start", "{}", `${KEY}Content-Type: text/plain, application/json\r\n`), 415),
  a(
    "two fields of types",
    post("/session/start", "{}", `${KEY}Content-Type: text/plain\r\n${JSON_TYPE}`),
    415,
  ),
  a(
    "a type of 8 KiB",
    post("/session/start", "{}", `${KEY}Content-Type: application/json;${" ".repeat(8000)}x\r\n`),
    200,
  ),
  a("gzip", post("/session/start", "\x1f\x8b\x08\0", `${KEY}${JSON_TYPE}Content-Encoding: gzip\r\n`), 415),
  a(
    "two encodings",
    post("/session/start", "{}", `${KEY}${JSON_TYPE}Content-Encoding: identity, gzip\r\n`),
    415,
  ),
  a(
    "an encoding in capitals",
    post("/session/start", "\x1f\x8b\x08\0", `${KEY}${JSON_TYPE}Content-Encoding: GZIP\r\n`),
    415,
  ),
  a("300 levels", post("/task", `{"prompt":${"[".repeat(300)}${"]".repeat(300)}}`), 400),
  a("300 levels of objects", post("/task", `{"prompt":${'{"a":'.repeat(300)}1${"}".repeat(300)}}`), 400),
  a("levels that are never closed", post("/task", "[".repeat(60_000)), 400),
  a("60,000 items", post("/task", `[${"1,".repeat(60_000)}1]`), 400),
  a("60,000 fields", post("/task", `{${Array.from({ length: 60_000 }, (_, n) => `"${n}":0`).join()}}`), 400),
  a(
    "40,000 unknown fields",
    post("/task", `{"prompt":"x",${Array.from({ length: 40_000 }, (_, n) => `"a${n}":0`).join()}}`),
    400,
  ),
  a("a name of 60,000 letters", post("/task", `{"prompt":"x","${"m".repeat(60_000)}":1}`), 400),
  a("a model of 60,000 letters", post("/session/start", `{"model":"${"m".repeat(60_000)}"}`), 400),
  a("a workdir of 60,000 letters", post("/session/start", `{"workdir":"${"/m".repeat(30_000)}"}`), 400),
  a("a workdir of 3,000,000 folders", post("/session/start", `{"workdir":"${"/m".repeat(3_000_000)}"}`), 400),
  a(
    "a task's workdir of 3,000,000 folders",
    post("/task", `{"prompt":"x","workdir":"${"/m".repeat(3_000_000)}"}`),
    400,
  ),
  a("a workdir that leads up", post("/session/start", '{"workdir":"../../../../etc"}'), 400),
  a("numbers of 60,000 digits", post("/task", `{"prompt":"x","timeout_secs":${"1".repeat(60_000)}}`), 400),
  a("escapes without an end", post("/task", `{"prompt":"${"\\".repeat(60_001)}`), 400),
  a(
    "60,000 tool ids",
    post(
      "/session/00000000-0000-4000-8000-000000000000/approve",
      `{"tool_use_ids":["${Array.from({ length: 20_000 }, (_, n) => n).join('","')}"]}`,
    ),
    400,
  ),
];

/** Headers that cost time, or that end up where they shouldn't. */
const FIELDS: readonly Attack[] = [
  a("a Range", get("/sessions", `${KEY}Range: bytes=0-,${"0-1,".repeat(2000)}0-1\r\n`), 200),
  a("an Accept of 8 KiB", get("/sessions", `${KEY}Accept: ${"a/b;q=0.1,".repeat(800)}*/*\r\n`), 200),
  a(
    "an Accept-Encoding of 8 KiB",
    get("/dashboard/", `Accept-Encoding: ${"gzip;q=0.1,".repeat(700)}br\r\n`),
    200,
  ),
  a("an If-None-Match of 8 KiB", get("/dashboard/", `If-None-Match: ${'"a",'.repeat(2000)}"b"\r\n`), 200),
  a("cookies of 8 KiB", get("/admin/overview", `Cookie: ${"claudeway_admin=x; ".repeat(400)}\r\n`), 401),
  a(
    "an X-Forwarded-For of 8 KiB",
    get("/sessions", `${KEY}X-Forwarded-For: ${"1.2.3.4, ".repeat(900)}\r\n`),
    200,
  ),
  a("an Expect", get("/sessions", `${KEY}Expect: 200-ok\r\n`), 400),
  a(
    "an Idempotency-Key of lines",
    post("/task", '{"prompt":"x"}', `${KEY}${JSON_TYPE}Idempotency-Key: a\tb\r\n`),
    400,
  ),
  a(
    "two Idempotency-Keys",
    post("/task", '{"prompt":"x"}', `${KEY}${JSON_TYPE}Idempotency-Key: a\r\nIdempotency-Key: b\r\n`),
    400,
  ),
  a(
    "a Last-Event-ID over all bounds",
    get(
      "/turns/00000000-0000-4000-8000-000000000000/events",
      `${KEY}Last-Event-ID: 99999999999999999999\r\n`,
    ),
    404,
  ),
  a("an X-Request-Id of its own", get("/health", "X-Request-Id: mine\r\n"), 200),
  a("a Host with a line in it", "GET /health HTTP/1.1\r\nHost: x\tX: y\r\n\r\n", 400),
  a("a Host with a path", "GET /health HTTP/1.1\r\nHost: x/../y\r\n\r\n", 400),
  a("a Host with a user", "GET /health HTTP/1.1\r\nHost: x@y\r\n\r\n", 400),
  a("a Host of 8 KiB", `GET /health HTTP/1.1\r\nHost: ${"x.".repeat(4000)}\r\n${CLOSE}\r\n`, 200),
  a("no Host in the absolute form", "GET http://x/health HTTP/1.1\r\n\r\n", 400),
  a("201 fields", `GET /health HTTP/1.1\r\nHost: x\r\n${"a: b\r\n".repeat(200)}\r\n`, 431),
  a("a field of 17 KB", `GET /health HTTP/1.1\r\nHost: x\r\na: ${"b".repeat(17_000)}\r\n\r\n`, 431),
  a("a field without a name", "GET /health HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n", 400),
  a(
    "fields that objects have",
    get("/sessions", `${KEY}__proto__: x\r\nconstructor: y\r\nhasOwnProperty: z\r\n`),
    200,
  ),
  a("parameters that objects have", get("/sessions?__proto__=x&constructor=y&page=1", KEY), 200),
  a("a parameter that is a list", get("/sessions?page[]=1&page[0]=2", KEY), 200),
  a("a page over all bounds", get("/sessions?page=99999999999", KEY), 400),
  a("a page in other digits", get("/sessions?page=%D9%A1", KEY), 400),
  a("a status that objects have", get("/approvals?status=constructor", KEY), 400),
  a(
    "an upgrade to HTTP/2",
    get("/sessions", "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n").replace(
      "Connection: close",
      "Connection: Upgrade, HTTP2-Settings",
    ),
    401,
  ),
  a(
    "an upgrade to two protocols",
    get("/sessions", "Upgrade: h2c, websocket\r\n").replace("Connection: close", "Connection: Upgrade"),
    401,
  ),
];

export const ATTACKS: Readonly<Record<string, readonly Attack[]>> = {
  "where a request ends": FRAMING,
  "by its path": PATHS,
  "by who it is": CALLERS,
  "by its body": BODIES,
  "by its fields": FIELDS,
};

function a(name: string, bytes: string, ...gets: readonly number[]): Attack {
  return { name, bytes, gets };
}
