import { once } from "node:events";
import { expect } from "chai";
import type WebSocket from "ws";
import { asking, decide, newSession, onlyPending, prompt, turnIn } from "./approval-kit.js";
import { KEYS, TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";
import { LONG_CALL, longCallRunning } from "./processes.js";

const BYPASS = { env: { IS_SANDBOX: "1" } };
const REFUSED = { error: "the gateway is shutting down", code: "UNAVAILABLE" };

describe("a gateway that drains", () => {
  let gateway: TestGateway;
  afterEach(() => gateway.dispose());

  async function drain(): Promise<void> {
    gateway.signal("SIGTERM");
    await eventually("the signal's line", () => gateway.stderr.includes("SIGTERM: closing"));
  }

  it("answers other requests, and reports that it is not ready", async () => {
    gateway = await TestGateway.start(BYPASS);
    expect((await gateway.request("/ready", { key: null })).body).to.deep.equal({ status: "ready" });
    const session = await newSession(gateway);
    const running = prompt(gateway, session, LONG_CALL);
    await longCallRunning(gateway);
    await drain();

    expect((await gateway.request("/health", { key: null })).status).to.equal(200);
    const ready = await gateway.request("/ready", { key: null });
    expect(ready.status).to.equal(503);
    expect(ready.body).to.deep.equal({ ...REFUSED, reason: "draining" });
    expect(Number(ready.headers.get("retry-after"))).to.be.greaterThan(0);
    for (const path of ["/sessions", `/session/${session.id}`, "/approvals", "/models"]) {
      expect((await gateway.request(path)).status, path).to.equal(200);
    }
    expect((await gateway.request("/sessions", { key: null })).status).to.equal(401);
    expect((await gateway.request(`/session/${session.id}`, { key: KEYS.bob })).status).to.equal(404);

    const { body } = await gateway.request(`/session/${session.id}/interrupt`, { method: "POST" });
    expect(body).to.deep.equal({ session_id: session.id, interrupted: true });
    expect((await running).body).to.include({ success: false });
    expect(await gateway.ended()).to.deep.equal({ code: 0, signal: null });
  });

  it("refuses every new turn before it begins, with 503 and Retry-After", async () => {
    gateway = await TestGateway.start(BYPASS);
    const session = await newSession(gateway);
    const running = gateway.request("/task", { body: { prompt: LONG_CALL } });
    await longCallRunning(gateway);
    await drain();

    const body = { prompt: "too late" };
    for (const path of ["/task", "/task/stream", `/session/${session.id}`, `/session/${session.id}/stream`]) {
      const refused = await gateway.request(path, { body, headers: { "idempotency-key": path } });
      expect(refused.status, path).to.equal(503);
      expect(refused.body, path).to.deep.equal(REFUSED);
      expect(refused.headers.get("retry-after"), path).to.equal("10");
    }
    expect(await upgradeStatus(gateway.socket())).to.equal(503);

    gateway.signal("SIGTERM");
    expect((await running).status).to.equal(503);
    await gateway.ended();
    expect(gateway.model.requests().map(({ prompt: text }) => text)).not.to.include("too late");
    // What was refused may be sent again, to the next gateway, under the same key.
    await gateway.launch();
    const again = await gateway.request("/task", { body, headers: { "idempotency-key": "/task" } });
    expect(again.body).to.include({ success: true });
  });

  it("accepts decisions; waiting turns resume at the next start", async () => {
    const asks = asking({ live_wait_secs: 600, deny: "^$", allow: "^Bash" });
    gateway = await TestGateway.start(asks);
    const busy = gateway.request("/task", { body: { prompt: LONG_CALL } });
    await longCallRunning(gateway);
    const session = await newSession(gateway);
    const waiting = prompt(gateway, session, "[[write a.txt A]]");
    const approval = await onlyPending(gateway, session);
    await drain();
    expect((await waiting).body).to.have.property("pending_approval");
    expect((await decide(gateway, approval.id, { decision: "allow" })).status).to.equal(200);
    gateway.signal("SIGTERM");
    await busy;
    await gateway.ended();
    await gateway.launch(asks);
    const { result } = await turnIn(gateway, approval.turn_id, "completed");
    expect(result).to.include({ success: true });
  });
});

/** The status that the upgrade was refused with. */
async function upgradeStatus(socket: WebSocket): Promise<number> {
  socket.on("error", () => undefined);
  const [, response] = await once(socket, "unexpected-response");
  return response.statusCode;
}
