import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { text } from "node:stream/consumers";
import { createTestGateway, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";
import plugin from "#plugins/signed-webhook/index.js";
import { eventually } from "../../e2e/poll.js";
import { keptBy } from "../../kept-by-signal.js";

const SECRET = "a secret that both sides know";

interface Delivery {
  readonly signature: string;
  readonly body: string;
}

describe("the example signed_webhook", () => {
  let receiver: Server;
  let url: string;
  let gateway: TestGateway | undefined;
  let deliveries: Delivery[];
  /** What the receiver answers next; 200 when there is nothing more. */
  let statuses: number[];

  before(async () => {
    receiver = createServer((request, response) => {
      void receive(request).then(() => response.writeHead(statuses.shift() ?? 200).end("ok"));
    });
    receiver.listen(0, "127.0.0.1");
    await once(receiver, "listening");
    const address = receiver.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    url = `http://127.0.0.1:${address.port}/news`;
  });
  beforeEach(() => {
    deliveries = [];
    statuses = [];
  });
  afterEach(() => gateway?.close());
  after(() => {
    receiver.closeAllConnections();
    receiver.close();
  });

  async function receive(request: IncomingMessage): Promise<void> {
    const { "x-claudeway-signature": signature } = request.headers;
    deliveries.push({ signature: String(signature), body: await text(request) });
  }

  async function open(settings: object = {}, used = plugin): Promise<TestGateway> {
    gateway = await createTestGateway({ plugins: [[used, { url, secret: SECRET, ...settings }]] });
    return gateway;
  }

  it("posts a signed event for a finished turn, without prompt or answer", async () => {
    const { session_id } = await (await open()).turn("a secret prompt", { key: "user", model: "opus" });
    await eventually("a delivery", () => deliveries.length === 1);
    const [{ signature, body } = { signature: "", body: "" }] = deliveries;
    const news: unknown = JSON.parse(body);
    expect(news).to.include({ turn_id: session_id, key_id: "user", end: "completed", model: "opus" });
    expect(body).not.to.include("secret prompt");
    const [, seconds = "", given] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(signature) ?? [];
    expect(Math.abs(Date.now() / 1000 - Number(seconds))).to.be.below(60);
    expect(given).to.equal(createHmac("sha256", SECRET).update(`${seconds}.${body}`).digest("hex"));
  });

  it("retries", async () => {
    statuses = [503, 500];
    await (await open()).turn("hello");
    await eventually("a delivery", () => deliveries.length === 3);
    expect(new Set(deliveries.map(({ body }) => body)).size).to.equal(1);
  });

  it("counts and names a failed delivery, and delays no answer", async () => {
    statuses = [500, 500];
    const one = await open({ attempts: 2 });
    expect(await one.turn("hello")).to.include({ success: true });
    await eventually("the fault", () => one.plugins()[0]?.faults === 1);
    const line = one.logs.find(({ msg }) => msg.includes("not delivered after 2 attempts"));
    expect(line?.msg).to.match(/^plugin signed_webhook: tap "deliver" on afterExecute/);
    expect(JSON.stringify(one.logs)).not.to.include(SECRET);
  });

  it("stops retrying when disabled", async () => {
    statuses = [500, 500, 500, 500];
    const one = await open({ attempts: 4 });
    await one.turn("hello");
    await eventually("a delivery", () => deliveries.length === 1);
    await one.disable("signed_webhook");
    const { length } = deliveries;
    await one.turn("hello again");
    expect(deliveries).to.have.lengthOf(length);
    expect(one.plugins()[0]?.faults).to.equal(0);
  });

  it("leaves nothing on the plugin's signal, which lives for months", async () => {
    let signal = AbortSignal.abort();
    const watched: typeof plugin = {
      ...plugin,
      apply(kernel, config) {
        signal = kernel.signal;
        return plugin.apply(kernel, config);
      },
    };
    const one = await open({}, watched);
    const before = keptBy(signal);
    for (let turn = 1; turn <= 3; turn++) {
      await one.turn("hello");
      await eventually("a delivery", () => deliveries.length === turn);
    }
    await eventually("its end", () => keptBy(signal) === before);
  });
});
