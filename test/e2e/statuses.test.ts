import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { SessionStarted, TurnResponse } from "@claudeway/schemas";
import { expect } from "chai";
import type { Operation } from "./contract.js";
import { OWN_CONTRACT, watchedRaw } from "./exchanges.js";
import { TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";
import { parseAnswer, type RawAnswer, type RawRequest, send, sendBytes } from "./wire.js";

const SAYS_NO = fileURLToPath(new URL("../fixtures/plugins/says-no", import.meta.url));
const NOBODY = "00000000-0000-4000-8000-000000000000";
const JSON_TYPE = { "content-type": "application/json" };
const UPGRADE = {
  connection: "Upgrade",
  upgrade: "websocket",
  "sec-websocket-version": "13",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
};

/** Bodies that are as their operation's schema says. */
const BODIES: Readonly<Record<string, object>> = {
  "/task": { prompt: "Hi" },
  "/task/stream": { prompt: "Hi" },
  "/session/{session_id}": { prompt: "Hi" },
  "/session/{session_id}/stream": { prompt: "Hi" },
  "/session/{session_id}/approve": { tool_use_ids: ["toolu_1"] },
  "/approvals/{approval_id}": { decision: "allow" },
};

const ALL = OWN_CONTRACT.operations;
const KEYED = ALL.filter(({ place }) => place.node["security"] === undefined);
/** Those that take JSON; the pages behind signed links are for people, and an upload is a file. */
const SPEAKING_JSON = ALL.filter(
  ({ method, path }) => !path.startsWith("/approvals/link/") && method !== "PUT",
);
const SOCKET = "/task/ws";

function configOf(delayMs: number): string {
  return [
    "no_permissions_bypass = true",
    "[limits]",
    "body_bytes = 1024",
    "file_bytes = 1024",
    "[plugins.says_no]",
    `delay_ms = ${delayMs}`,
  ].join("\n");
}

function requestOf({ method, path }: Operation): RawRequest {
  const filled = path.replace("{file_path}", "a/b").replace(/\{\w+\}/, NOBODY);
  const body = method === "PATCH" ? { title: "Capitals" } : method === "POST" ? BODIES[path] : undefined;
  return { method, path: filled, ...(body && { body: JSON.stringify(body), headers: JSON_TYPE }) };
}

describe("every status of every operation", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start({ args: ["--enable-plugin", SAYS_NO], config: configOf(0) });
  });
  after(() => gateway?.dispose());

  /** Sends a request to each of the operations; each must give that status and code. */
  async function each(
    operations: readonly Operation[],
    [status, code]: readonly [number, string],
    change: (request: RawRequest) => RawRequest,
  ): Promise<RawAnswer[]> {
    const answers: RawAnswer[] = [];
    for (const operation of operations) {
      const answer = await send(gateway, change(requestOf(operation)));
      const where = `${operation.method} ${operation.path}: ${answer.body}`;
      expect(answer.status, where).to.equal(status);
      expect(JSON.parse(answer.body).code, where).to.equal(code);
      answers.push(answer);
    }
    return answers;
  }

  /** The same with one more header, for the WebSocket also at the upgrade itself. */
  async function eachWith(
    expected: readonly [number, string],
    headers: Readonly<Record<string, string>>,
    key?: null,
  ): Promise<RawAnswer[]> {
    const more = (extra: Readonly<Record<string, string>>) => (request: RawRequest) => ({
      ...request,
      headers: { ...request.headers, ...headers, ...extra },
      ...(key === undefined ? {} : { key }),
    });
    const plain = await each(KEYED, expected, more({}));
    const upgrades = KEYED.filter(({ path }) => path === SOCKET);
    return [...plain, ...(await each(upgrades, expected, more(UPGRADE)))];
  }

  describe("errors of any operation", () => {
    it("400: a body that is not JSON", () =>
      each(SPEAKING_JSON, [400, "BAD_REQUEST"], (request) => ({
        ...request,
        headers: JSON_TYPE,
        body: "{",
      })));

    it("400: an invalid handshake", async () => {
      const { "sec-websocket-key": _key, ...handshake } = UPGRADE;
      const answer = await send(gateway, { method: "GET", path: SOCKET, headers: handshake });
      expect(answer.status).to.equal(400);
    });

    it("401: no key", async () => {
      const answers = await eachWith([401, "UNAUTHORIZED"], {}, null);
      for (const { headers } of answers) expect(headers.get("www-authenticate")).to.equal("Bearer");
    });

    it("403: a plugin's refusal", () => eachWith([403, "FORBIDDEN"], { "x-wish": "403" }));

    it("any other 4xx that a plugin chooses", () => eachWith([402, "PAYMENT_REQUIRED"], { "x-wish": "402" }));

    it("413: a body over the limit", () =>
      each(SPEAKING_JSON, [413, "PAYLOAD_TOO_LARGE"], (request) => ({
        ...request,
        headers: JSON_TYPE,
        body: JSON.stringify({ prompt: "x".repeat(2000) }),
      })));

    it("415: a body that is not JSON", () =>
      each(SPEAKING_JSON, [415, "UNSUPPORTED_MEDIA_TYPE"], (request) => ({
        ...request,
        headers: { "content-type": "text/plain" },
        body: "Hi",
      })));

    it("429: a plugin's limit, with Retry-After", async () => {
      const answers = await eachWith([429, "TOO_MANY_REQUESTS"], { "x-wish": "429" });
      for (const { headers } of answers) expect(headers.get("retry-after")).to.equal("7");
    });

    it("431: headers over the limit", () =>
      each(ALL, [431, "HEADERS_TOO_LARGE"], (request) => ({
        ...request,
        headers: { ...request.headers, "x-much": "x".repeat(20_000) },
      })));

    it("500: a failing plugin; the response has the id of the log entry", async () => {
      const answers = await eachWith([500, "INTERNAL_ERROR"], { "x-wish": "break" });
      for (const { body } of answers) {
        const { id, error } = JSON.parse(body);
        expect(error).to.include(id);
        await eventually("the id in the log", () => gateway.stderr.includes(id));
      }
    });

    it("503: an interceptor plugin is being restarted, with Retry-After", async () => {
      // The first list is the CLI's, which takes longer than the restart.
      await gateway.fetch("/models");
      gateway.reload(configOf(5000));
      await eventually("the restart", async () => (await gateway.fetch("/models")).status === 503);
      const answers = await eachWith([503, "UNAVAILABLE"], {});
      for (const { headers } of answers) expect(Number(headers.get("retry-after"))).to.be.greaterThan(0);
      await eventually("its end", async () => (await gateway.fetch("/models")).status === 200);
    });
  });

  describe("statuses of single operations", () => {
    it("200 and 101", async () => {
      await gateway.request("/health", { key: null });
      await gateway.request("/models");
      await gateway.events("/task/stream", { body: { prompt: "[[words 3]]" } });
      const id = await startSession();
      expect((await gateway.request(`/session/${id}`, { body: { prompt: "Hi" } })).status).to.equal(200);
      await gateway.events(`/session/${id}/stream`, { body: { prompt: "Hi" } });
      const interrupted = await gateway.request(`/session/${id}/interrupt`, { method: "POST" });
      expect(interrupted.body).to.deep.equal({ session_id: id, interrupted: false });
      expect((await gateway.request(`/session/${id}`)).body).to.include({ task_count: 2 });
      expect((await gateway.request("/sessions?page=1&limit=5")).body).to.include({ page: 1, limit: 5 });
      expect((await gateway.request("/tasks?page=1&limit=5")).body).to.include({ page: 1, limit: 5 });
      const fork = await gateway.request(`/session/${id}/fork`, { body: {} });
      expect(fork.body["forked_from"]).to.deep.equal({ session_id: id, turn_id: null });
      const file = `/session/${id}/files/a.txt`;
      const put = { method: "PUT", body: "Hi", headers: { "content-type": "application/octet-stream" } };
      expect((await gateway.request(file, put)).body).to.include({ created: true });
      expect((await gateway.request(`/session/${id}/files`)).body).to.include({ total: 1 });
      expect(await (await gateway.fetch(file)).text()).to.equal("Hi");
      const range = { headers: { range: "bytes=1-1" } };
      expect((await gateway.fetch(file, range)).status).to.equal(206);
      expect((await gateway.request(file, { method: "DELETE" })).body).to.include({ deleted: true });
      expect((await gateway.request(`/session/${id}/messages`)).body).to.include({ total: 2 });
      expect((await gateway.request(`/session/${id}`, { method: "DELETE" })).status).to.equal(200);
      const frames = await overSocket({ prompt: "[[words 3]]" });
      expect(frames.at(-1)).to.include({ event: "done" });
    });

    it("200 and 404 of routes without a pending approval", async () => {
      expect((await gateway.request("/approvals?status=pending")).body).to.include({ total: 0 });
      expect((await gateway.request("/approvals/grants")).body).to.include({ total: 0 });
      for (const method of ["GET", "POST"])
        expect((await send(gateway, { method, path: "/approvals/link/none", key: null })).status).to.equal(
          404,
        );
    });

    it("404: no such thing", async () => {
      const withThings = KEYED.filter(({ path }) => path.includes("{"));
      await each(withThings, [404, "NOT_FOUND"], (request) => request);
      await each(
        KEYED.filter(({ path }) => path === SOCKET),
        [404, "NOT_FOUND"],
        (request) => request,
      );
    });

    it("409 of a session that is forked while it runs", async () => {
      const id = await startSession();
      const running = gateway.request(`/session/${id}`, { body: { prompt: "[[hang]]" } });
      await eventually("the conflict", async () => {
        const { status } = await gateway.request(`/session/${id}/fork`, { body: {} });
        return status === 409 || undefined;
      });
      await gateway.request(`/session/${id}/interrupt`, { method: "POST" });
      await running;
    });

    it("304, 400, 409, 413, 415 and 416 of files", async () => {
      const folder = `/session/${await startSession()}/files`;
      const file = { path: `${folder}/a/b`, headers: { "content-type": "application/octet-stream" } };
      const put = (more: object) => send(gateway, { ...file, method: "PUT", body: "Hi", ...more });
      expect((await put({})).status).to.equal(200);
      const get = (headers: Record<string, string>) => send(gateway, { ...file, method: "GET", headers });
      const etag = (await get({})).headers.get("etag") ?? "";
      expect((await get({ "if-none-match": etag })).status).to.equal(304);
      expect((await get({ range: "bytes=2-" })).status).to.equal(416);
      expect((await put({ path: `${folder}/a//b` })).status).to.equal(400);
      expect((await put({ path: `${folder}/a` })).status).to.equal(409);
      expect((await put({ headers: { "content-encoding": "gzip" } })).status).to.equal(415);
      expect((await put({ body: "x".repeat(2000) })).status).to.equal(413);
      expect((await send(gateway, { method: "DELETE", path: `${folder}/a` })).status).to.equal(409);
    });

    it("404: no such route; 405: another method, with Allow", async () => {
      expect((await gateway.request("/nothing")).status).to.equal(404);
      const { status, headers } = await gateway.request("/session/start", { method: "PUT", body: {} });
      expect(status).to.equal(405);
      expect(headers.get("allow")).to.include("POST");
    });

    it("400 and 431 for malformed or excessive HTTP, for any target", async () => {
      const garbage = parseAnswer(await sendBytes(gateway, "NO HTTP AT ALL\r\n\r\n"));
      expect(garbage.status).to.equal(400);
      await watchedRaw(garbage, { method: "GET", path: "/nothing" });
      const flood = `GET /nothing HTTP/1.1\r\nhost: x\r\nx-much: ${"x".repeat(20_000)}\r\n\r\n`;
      const refused = parseAnswer(await sendBytes(gateway, flood));
      expect(refused.status).to.equal(431);
      await watchedRaw(refused, { method: "GET", path: "/nothing" });
    });

    it("408: a turn that ran past its time", async () => {
      const body = { prompt: "[[hang]]", timeout_secs: 0.2 };
      const task = await gateway.request("/task", { body });
      expect(task.status, JSON.stringify(task.body)).to.equal(408);
      expect(task.headers.get("x-turn-id")).to.be.a("string");
      const id = await startSession();
      expect((await gateway.request(`/session/${id}`, { body })).status).to.equal(408);
      const { id: denied, calls } = await deniedTask("hurry.txt");
      const approving = await gateway.request(`/session/${denied}/approve`, {
        body: { tool_use_ids: calls },
      });
      expect(approving.status).to.equal(408);
    });

    it("409: another body with a used Idempotency-Key", async () => {
      const id = await startSession();
      const { id: denied, calls } = await deniedTask("notes.txt");
      const pairs: [string, object, object][] = [
        ["/task", { prompt: "one" }, { prompt: "two" }],
        ["/task/stream", { prompt: "one" }, { prompt: "two" }],
        [`/session/${id}`, { prompt: "one" }, { prompt: "two" }],
        [`/session/${id}/stream`, { prompt: "one" }, { prompt: "two" }],
        [`/session/${denied}/approve`, { tool_use_ids: calls }, { tool_use_ids: [...calls, "another"] }],
      ];
      for (const [path, first, second] of pairs) {
        const headers = { "idempotency-key": "the-same" };
        const response = await gateway.fetch(path, { body: first, headers });
        expect(response.status, path).to.equal(200);
        await response.text();
        const { status, body } = await gateway.request(path, { body: second, headers });
        expect(status, path).to.equal(409);
        expect(body["code"]).to.equal("CONFLICT");
      }
      const again = await gateway.request(`/session/${denied}/approve`, { body: { tool_use_ids: calls } });
      expect(again.status, JSON.stringify(again.body)).to.equal(409);
    });

    it("a turn is found again by its id, with all its events", async () => {
      const { headers, body } = await gateway.request("/task", { body: { prompt: "[[say found]]" } });
      const turn = headers.get("x-turn-id");
      expect((await gateway.request(`/turns/${turn}`)).body).to.deep.include({
        state: "completed",
        result: body,
      });
      const events = await gateway.events(`/turns/${turn}/events`, {});
      expect(JSON.parse(events.at(-1)?.data ?? "")).to.deep.equal(body);
    });

    it("503: the gateway is shutting down", async () => {
      const other = await TestGateway.start();
      try {
        const waiting = other.request("/task", { body: { prompt: "[[words 1]] [[hang]]" } });
        await eventually("the turn", () => other.model.requests().length > 0);
        other.signal("SIGTERM");
        await eventually("the end of its grace", () => other.stderr.includes("closing"));
        other.signal("SIGTERM");
        const { status, body, headers } = await waiting;
        expect(status, JSON.stringify(body)).to.equal(503);
        expect(Number(headers.get("retry-after"))).to.be.greaterThan(0);
      } finally {
        await other.dispose();
      }
    });
  });

  async function startSession(): Promise<string> {
    return (await gateway.request<SessionStarted>("/session/start", { body: {} })).body.session_id;
  }

  /** A task that was denied to write a file. */
  async function deniedTask(file: string): Promise<{ readonly id: string; readonly calls: string[] }> {
    const { body } = await gateway.request<TurnResponse>("/task", {
      body: { prompt: `[[write ${file} Hi]]` },
    });
    const calls = (body.permission_denials ?? []).map(({ tool_use_id }) => tool_use_id);
    expect(calls, JSON.stringify(body)).to.have.length(1);
    return { id: body.session_id, calls };
  }

  async function overSocket(task: object): Promise<Record<string, unknown>[]> {
    const socket = gateway.socket();
    const frames: Record<string, unknown>[] = [];
    socket.on("message", (data) => frames.push(JSON.parse(data.toString())));
    await once(socket, "open");
    socket.send(JSON.stringify(task));
    await once(socket, "close");
    return frames;
  }
});
