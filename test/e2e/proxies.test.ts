import { once } from "node:events";
import { join } from "node:path";
import { expect } from "chai";
import WebSocket from "ws";
import { KEYS, TestGateway } from "./gateway.js";
import { type ProxyName, type RunningProxy, startProxy } from "./proxy-kit.js";
import { ask, askRefused, json, task } from "./proxy-requests.js";
import { restartUnder } from "./proxy-restart.js";

/** Twenty of them in the long test: each turn starts a CLI. */
const CLIENTS = 6;

for (const name of ["nginx", "caddy"] as const) {
  describe(`behind ${name}, with the file that is shipped`, () => {
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
      expect(json(await askRefused(proxy, "/task", large), 413)["code"]).to.equal("PAYLOAD_TOO_LARGE");
      const headers = { ...task("").headers, "x-much": "x".repeat(40_000) };
      expect(json(await askRefused(proxy, "/sessions", { headers }), 431)["code"]).to.equal(
        "HEADERS_TOO_LARGE",
      );
      const long = await askRefused(proxy, `/sessions?${"x".repeat(40_000)}`, { headers: task("").headers });
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

    it(`loses no turn and answers everything in the contract's shape while it restarts under ${CLIENTS} clients`, () =>
      restartUnder(CLIENTS, gateway, proxy));
  });
}
