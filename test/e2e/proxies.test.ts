import { once } from "node:events";
import { type ClientHttp2Session, connect } from "node:http2";
import { request as httpsRequest } from "node:https";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import WebSocket from "ws";
import { INSTALL_TIMEOUT_MS } from "../debian.js";
import { KEYS, TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";
import { type ProxyName, type RunningProxy, startProxy } from "./proxy-kit.js";

const CLIENTS = 20;

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  /** When its first piece came, in ms since the request. */
  readonly firstMs: number;
  readonly lastMs: number;
}

interface Sent {
  readonly method?: string;
  readonly body?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

for (const name of ["nginx", "caddy"] as const) {
  describe(`behind ${name}, with the file that is shipped`, function () {
    this.timeout(INSTALL_TIMEOUT_MS);
    let gateway: TestGateway;
    let proxy: RunningProxy;
    before(async () => {
      gateway = await TestGateway.start({ args: ["--enable-plugin", "dashboard,swagger"] });
      proxy = await startBehind(name);
    });
    after(async () => {
      await proxy?.stop();
      await gateway?.dispose();
    });

    function startBehind(proxyName: ProxyName, path = "/"): Promise<RunningProxy> {
      const dir = join(gateway.dir, `proxy${path.replaceAll("/", "-")}`);
      return startProxy(proxyName, { dir, gatewayPort: Number(new URL(gateway.url).port), path });
    }

    const task = (prompt: string) => ({
      body: JSON.stringify({ prompt }),
      headers: { authorization: `Bearer ${KEYS.admin}`, "content-type": "application/json" },
    });

    it("speaks HTTP/2, and passes the gateway's responses unchanged", async () => {
      expect(json(await ask(proxy, "/health"), 200)).to.include({ status: "ok" });
      const refused = await ask(proxy, "/sessions");
      expect(json(refused, 401)["code"]).to.equal("UNAUTHORIZED");
      expect(refused.headers["www-authenticate"]).to.equal("Bearer");
      expect(json(await ask(proxy, "/task", task("[[say over HTTP/2]]")), 200)["result"]).to.equal(
        "over HTTP/2",
      );
    });

    it("passes events on as they come", async () => {
      const { status, text, firstMs, lastMs } = await ask(
        proxy,
        "/task/stream",
        task("[[slow 100]] [[words 12]]"),
      );
      expect(status).to.equal(200);
      expect(text).to.match(/event: text[\s\S]*event: done/);
      expect(lastMs - firstMs, "the first long before the last").to.be.greaterThan(500);
    });

    it("passes WebSockets", async () => {
      const socket = new WebSocket(`${proxy.url.replace("https", "wss")}/task/ws`, {
        ca: proxy.certificate,
        headers: { authorization: `Bearer ${KEYS.admin}` },
      });
      const frames: string[] = [];
      socket.on("message", (data) => frames.push(String(data)));
      await once(socket, "open");
      socket.send(JSON.stringify({ prompt: "[[say over a socket]]" }));
      await once(socket, "close");
      expect(frames.at(-1)).to.contain('"event":"done"').and.contain("over a socket");
    });

    it("lets the admin log in on another port than 443, with a cookie for /admin and TLS only", async () => {
      const login = await ask(proxy, "/admin/login", {
        body: JSON.stringify({ key: KEYS.admin }),
        headers: { origin: proxy.url, "content-type": "application/json" },
      });
      json(login, 200);
      const [cookie = ""] = [login.headers["set-cookie"]].flat().map(String);
      expect(cookie)
        .to.match(/; HttpOnly; SameSite=Strict; Secure$/)
        .and.not.match(/Path=/i);
      const elsewhere = await ask(proxy, "/admin/login", {
        body: JSON.stringify({ key: KEYS.admin }),
        headers: { origin: "https://evil.example", "content-type": "application/json" },
      });
      json(elsewhere, 403);
    });

    it("answers an excessive body in the contract's format", async () => {
      const large = task("x".repeat(12_000_000));
      expect(json(await ask(proxy, "/task", large), 413)["code"]).to.equal("PAYLOAD_TOO_LARGE");
      expect(json(await askHttp1(proxy, "/task", large), 413)["code"]).to.equal("PAYLOAD_TOO_LARGE");
      const headers = { ...task("").headers, "x-much": "x".repeat(40_000) };
      expect(json(await askHttp1(proxy, "/sessions", { headers }), 431)["code"]).to.equal(
        "HEADERS_TOO_LARGE",
      );
      const long = await askHttp1(proxy, `/sessions?${"x".repeat(40_000)}`, { headers: task("").headers });
      expect(json(long, 431)["code"]).to.equal("HEADERS_TOO_LARGE");
      const between = task("x".repeat(10_600_000));
      expect(json(await ask(proxy, "/task", between), 413)["code"]).to.equal("PAYLOAD_TOO_LARGE");
    });

    it("serves it below a path of the site, with dashboard and document", async () => {
      const below = await startBehind(name, "/claude/");
      try {
        expect(json(await ask(below, "/claude/health"), 200)).to.include({ status: "ok" });
        const page = await ask(below, "/claude/dashboard/");
        const script = /src="(\.\/assets\/[^"]+)"/.exec(page.text)?.[1] ?? "";
        expect((await ask(below, new URL(script, "https://x/claude/dashboard/").pathname)).status).to.equal(
          200,
        );
        const document = json(await ask(below, "/claude/openapi.json", { headers: task("").headers }), 200);
        expect(document["servers"]).to.deep.equal([{ url: "." }]);
        const base = new URL("./", "https://x/claude/openapi.json").pathname;
        expect(json(await ask(below, `${base}health`), 200)).to.include({ status: "ok" });
      } finally {
        await below.stop();
      }
    });

    it(`loses no turn and answers everything in the contract's shape while it restarts under ${CLIENTS} clients`, async () => {
      let stopped = false;
      const answers: Answer[] = [];
      const turn = task("[[slow 40]] [[words 10]]");
      const clients = Array.from({ length: CLIENTS }, async (_, index) => {
        while (!stopped) {
          answers.push(await (index % 2 === 0 ? ask : askHttp1)(proxy, "/task", turn));
          if (answers.at(-1)?.status !== 200) await sleep(200);
        }
      });
      const succeeded = () => answers.filter(({ status }) => status === 200).length;
      await eventually("turns", () => succeeded() >= CLIENTS, 60_000);
      const { port } = new URL(gateway.url);
      gateway.signal("SIGTERM");
      expect(await gateway.ended()).to.deep.equal({ code: 0, signal: null });
      await sleep(500);
      await gateway.launch({ args: ["--enable-plugin", "dashboard,swagger", "--port", port] });
      const before = succeeded();
      await eventually("turns after it", () => succeeded() >= before + CLIENTS, 60_000);
      stopped = true;
      await Promise.all(clients);
      for (const answer of answers) {
        const body = json(answer, answer.status);
        if (answer.status === 200) expect(body, answer.text).to.include({ success: true, error: null });
        else {
          expect(answer.status, answer.text).to.equal(503);
          expect(body, answer.text).to.include({ code: "UNAVAILABLE" });
          expect(Number(answer.headers["retry-after"]), answer.text).to.be.greaterThan(0);
        }
      }
      expect(
        answers.some(({ status }) => status === 503),
        "somebody met the restart",
      ).to.equal(true);
    });
  });
}

/** The JSON of an answer that has this status. */
function json({ status, headers, text }: Answer, expected: number): Record<string, unknown> {
  expect(status, text).to.equal(expected);
  expect(headers["content-type"], text).to.match(/^application\/json/);
  return JSON.parse(text);
}

/** Sends a request over HTTP/2. */
async function ask(proxy: RunningProxy, path: string, sent: Sent = {}): Promise<Answer> {
  const session = connect(proxy.url, { ca: proxy.certificate });
  try {
    return await overHttp2(session, path, sent);
  } finally {
    session.close();
  }
}

async function overHttp2(
  session: ClientHttp2Session,
  path: string,
  { body, headers, method }: Sent,
): Promise<Answer> {
  const startedAt = performance.now();
  const since = () => performance.now() - startedAt;
  const stream = session.request({ ...headers, ":path": path, ":method": method ?? methodOf(body) });
  const failed = once(session, "error").then(([error]) => Promise.reject(error));
  failed.catch(() => undefined);
  // A server that has answered before the end of a large body may refuse the rest of it.
  stream.on("error", () => undefined);
  stream.end(body);
  const [answered] = await Promise.race([once(stream, "response"), failed]);
  let text = "";
  let firstMs = 0;
  stream.setEncoding("utf8");
  stream.on("data", (piece: string) => {
    firstMs ||= since();
    text += piece;
  });
  await Promise.race([once(stream, "close"), failed]);
  return { status: Number(answered[":status"]), headers: answered, text, firstMs, lastMs: since() };
}

/** Sends a request over HTTP/1.1. */
function askHttp1(proxy: RunningProxy, path: string, { body, headers, method }: Sent = {}): Promise<Answer> {
  const startedAt = performance.now();
  return new Promise((resolve, reject) => {
    const request = httpsRequest(`${proxy.url}${path}`, {
      ca: proxy.certificate,
      method: method ?? methodOf(body),
      headers: { ...headers },
      agent: false,
    });
    let answered = false;
    request.on("error", (error) => answered || reject(error));
    request.on("response", async (response) => {
      answered = true;
      let text = "";
      response.setEncoding("utf8").on("data", (piece: string) => (text += piece));
      response.once("error", reject);
      await once(response, "end");
      const ms = performance.now() - startedAt;
      resolve({ status: response.statusCode ?? 0, headers: response.headers, text, firstMs: ms, lastMs: ms });
    });
    request.end(body);
  });
}

function methodOf(body: string | Buffer | undefined): string {
  return body === undefined ? "GET" : "POST";
}
