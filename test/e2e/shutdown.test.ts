import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { readEvents } from "#testing/event-parser.js";
import { TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";

const SLOW = fileURLToPath(new URL("../fixtures/plugins/starts-slowly", import.meta.url));
const SIGNALS = ["SIGTERM", "SIGINT"] as const;
const GRACE_MS = 5000;

describe("the end of a gateway", () => {
  let gateway: TestGateway;
  afterEach(async () => {
    expect(gateway.stderr).to.not.include("open handles remain");
    await gateway.dispose();
  });

  async function modelAsked(times = 1): Promise<void> {
    await eventually("a request to the model", () => gateway.model.requests().length >= times);
  }

  /** Waits until nobody gets in any more: the port is closed, or what is asked there is refused. */
  async function refusing(signal: string): Promise<void> {
    // A request that overtakes the signal would be accepted.
    await eventually("the signal's line", () => gateway.stderr.includes(`${signal}: closing`));
    await eventually("the port closed", async () => {
      const answer = await gateway.request("/task", { body: { prompt: "too late" } }).catch(() => undefined);
      return answer === undefined || answer.status === 503;
    });
  }

  for (const signal of SIGNALS) {
    it(`${signal}: the running turn ends normally, new ones are refused, status 0`, async () => {
      gateway = await TestGateway.start();
      const running = gateway.request("/task", { body: { prompt: "[[slow 150]] [[words 10]]" } });
      await modelAsked();
      gateway.signal(signal);
      await refusing(signal);
      const { status, body } = await running;
      expect(status).to.equal(200);
      expect(body).to.include({ success: true, error: null });
      expect(gateway.model.requests().map(({ prompt }) => prompt)).to.deep.equal([
        "[[slow 150]] [[words 10]]",
      ]);
      expect(await gateway.ended()).to.deep.equal({ code: 0, signal: null });
      expect(await gateway.children()).to.deep.equal([]);
    });

    it(`${signal} again: the running turn is interrupted with the reason, status 0`, async () => {
      // Longer than the test may take.
      gateway = await TestGateway.start({ config: "[engine]\ngrace_secs = 600\n" });
      const running = gateway.request("/task", { body: { prompt: "[[words 3]] [[hang]]" } });
      const events = readEvents(
        await gateway.fetch("/task/stream", { body: { prompt: "[[words 3]] [[hang]]" } }),
      );
      for (
        let event = await events.next();
        event.value?.data !== "word1 word2 word3";
        event = await events.next()
      )
        expect(event.done, "the stream goes on").to.equal(false);
      await modelAsked(2);
      gateway.signal(signal);
      await eventually("the first signal's line", () => gateway.stderr.includes(`${signal}: closing`));
      gateway.signal(signal);
      const { status, body, headers } = await running;
      expect(status).to.equal(503);
      expect(body).to.deep.equal({ error: "the gateway is shutting down", code: "UNAVAILABLE" });
      expect(headers.get("retry-after")).to.equal("10");
      const { value: done } = await events.next();
      expect(done).to.include({ event: "done" });
      expect(JSON.parse(done?.data ?? "{}")).to.include({
        success: false,
        code: "UNAVAILABLE",
        result: "word1 word2 word3",
      });
      expect(await gateway.ended()).to.deep.equal({ code: 0, signal: null });
      expect(await gateway.children()).to.deep.equal([]);
    });
  }

  it("a turn that outlasts the grace time is ended, and one that waits is refused at once", async () => {
    gateway = await TestGateway.start({
      config: `[engine]\nmax_running = 1\ngrace_secs = ${GRACE_MS / 1000}\n`,
    });
    let isOver = false;
    const running = gateway.request("/task", { body: { prompt: "[[hang]]" } }).finally(() => {
      isOver = true;
    });
    await modelAsked();
    const response = await gateway.fetch("/task/stream", { body: { prompt: "never" } });
    const events = readEvents(response);
    expect((await events.next()).value).to.include({ event: "queued" });
    const before = performance.now();
    gateway.signal("SIGTERM");
    const { value: last } = await events.next();
    expect(last).to.include({ event: "done" });
    expect(JSON.parse(last?.data ?? "{}")).to.include({ success: false, code: "UNAVAILABLE" });
    expect(isOver, "the grace time").to.equal(false);
    expect((await running).status).to.equal(503);
    expect(performance.now() - before, "after the grace time").to.be.above(GRACE_MS);
    expect(await gateway.ended()).to.deep.equal({ code: 0, signal: null });
  });

  it("an idle gateway ends at once, despite connected clients and a plugin", async () => {
    gateway = await TestGateway.start({ args: ["--enable-plugin", "demo"] });
    await gateway.request("/task", { body: { prompt: "Hi" } });
    await gateway.request("/models");
    const { port } = new URL(gateway.url);
    const silent = connect(Number(port), "127.0.0.1");
    const half = connect(Number(port), "127.0.0.1");
    half.write("POST /task HTTP/1.1\r\nHost: x\r\nContent-Le");
    for (const socket of [silent, half]) socket.on("error", () => undefined);
    await Promise.all([once(silent, "connect"), once(half, "connect")]);
    const before = performance.now();
    gateway.signal("SIGTERM");
    expect(await gateway.ended()).to.deep.equal({ code: 0, signal: null });
    expect(performance.now() - before).to.be.below(5000);
    silent.destroy();
    half.destroy();
  });

  it("the ledger is closed: the next start finds it unchanged", async () => {
    gateway = await TestGateway.start();
    const { body } = await gateway.request("/session/start", { body: {} });
    expect((await gateway.stop()).code).to.equal(0);
    await gateway.launch();
    const { status } = await gateway.request(`/session/${body["session_id"]}`);
    expect(status).to.equal(200);
  });

  it("a signal during the start ends it after the start, with cleanup", async () => {
    gateway = await TestGateway.start();
    await gateway.stop();
    const until = join(gateway.dir, "go-on");
    const plugin = `[plugins.starts_slowly]\nuntil = ${JSON.stringify(until)}\n`;
    const launched = gateway.launch({ args: ["--enable-plugin", SLOW], config: plugin }).catch(String);
    await eventually("the plugin's start", () => gateway.stderr.includes("begins to start"));
    gateway.signal("SIGHUP");
    gateway.signal("SIGTERM");
    await eventually("the signal's line", () => gateway.stderr.includes("SIGTERM: closing"));
    writeFileSync(until, "");
    expect(await gateway.ended()).to.deep.equal({ code: 0, signal: null });
    await gateway.logs("disposed of");
    await launched;
  });
});
