import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { KEYS, TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";
import { RawClient } from "./raw-client.js";

/** 5 MiB as UTF-8, and in memory. */
const BIG = "x".repeat(5 * 1024 * 1024);
const LARGE_ANSWER = fileURLToPath(new URL("../fixtures/plugins/large-answer", import.meta.url));
/** Far more than a heap of 256 MB holds. */
const MANY = 60;
const REFUSED = "too many large requests or answers wait";
const CHAT = {
  model: "sonnet",
  stream: true,
  messages: [
    { role: "user", content: BIG },
    { role: "assistant", content: "yes" },
    { role: "user", content: "hello" },
  ],
};

describe("large requests that wait", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start({
      // A connection of a client that left may be silent until another request uses it.
      config:
        "[limits]\nheader_secs = 300\n[engine]\nmax_running = 1\nspares = 0\n[plugins.openai]\nenabled = true\n[plugins.swagger]\nenabled = true\n",
      args: ["--enable-plugin", LARGE_ANSWER],
      env: { NODE_OPTIONS: "--max-old-space-size=256", IS_SANDBOX: "1" },
    });
    // The only place is taken.
    expect((await send("/task/stream", { prompt: "[[hang]]", detach: true }, KEYS.admin)).status).to.equal(
      200,
    );
    leave();
  });
  after(async () => {
    await gateway.stop("SIGKILL");
    await gateway.dispose();
  });
  const clients: AbortController[] = [];

  /** Resolves to the status and the first words of the answer. */
  async function send(path: string, body: object, key: string): Promise<{ status: number; text: string }> {
    const client = new AbortController();
    const answer = await fetch(gateway.url + path, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      signal: client.signal,
    });
    clients.push(client);
    const { value } = (await answer.body?.getReader().read()) ?? {};
    return { status: answer.status, text: new TextDecoder().decode(value) };
  }

  function leave(): void {
    for (const client of clients.splice(0)) client.abort();
  }

  /** Sends requests of a key until one is refused. Resolves to how many were sent. */
  async function fill(path: string, body: object, each: () => void = () => undefined): Promise<number> {
    let refused = false;
    for (let n = 1; n <= MANY; n++) {
      const sent = send(path, body, KEYS.bob).then(({ status, text }) => {
        refused ||= text.includes(REFUSED);
        expect(status, text).to.equal(text.includes(REFUSED) ? status : 200);
      });
      // A chat has no answer before its turn runs, a stream has one at once.
      await Promise.race(path.startsWith("/v1/") ? [sent, sleep(3000)] : [sent]);
      sent.catch(() => undefined);
      if (refused) return n;
      each();
    }
    return MANY;
  }

  /** Another key's prompt gets its place in the queue, and the gateway lives. */
  async function expectRoomForOthers(): Promise<void> {
    const { status, text } = await send("/task/stream", { prompt: "hello" }, KEYS.admin);
    expect(status).to.equal(200);
    expect(text).to.include("event: queued");
  }

  for (const [path, body] of [
    ["/v1/chat/completions", CHAT],
    ["/task/stream", { prompt: BIG }],
  ] as const) {
    it(`are refused where they would fill the gateway's memory, until others have ended: ${path}`, async () => {
      expect(await fill(path, body)).to.be.within(3, 20);
      await expectRoomForOthers();
      leave();
      const isAccepted = async () => !(await send(path, body, KEYS.bob)).text.includes(REFUSED);
      await eventually("room again", isAccepted);
      leave();
    });
  }

  it("do not end the gateway, if they are small ones for large answers that are not read", async () => {
    const path = "/openapi.json";
    const document = await fetch(gateway.url + path);
    const { length } = await document.text();
    // Their answers are far more than a heap of 256 MB holds.
    const count = Math.ceil((600 * 1024 * 1024) / length);
    const client = await RawClient.open(gateway.url);
    client.pause();
    await client.sendWhole(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(count));
    for (let n = 0; n < 10; n++) expect((await fetch(gateway.url + path)).status).to.equal(200);
    client.leave();
  });

  it("are refused if their answers would fill the gateway's memory, for the key whose clients do not read", async () => {
    const clients: RawClient[] = [];
    for (let n = 0; n < 3; n++) {
      const client = await RawClient.open(gateway.url);
      clients.push(client);
      client.pause();
      client.send(`GET /large HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${KEYS.bob}\r\n\r\n`);
    }
    const ask = async (key: string) => {
      const answer = await fetch(`${gateway.url}/large`, { headers: { authorization: `Bearer ${key}` } });
      await answer.arrayBuffer();
      return answer.status;
    };
    await eventually("a refusal", async () => (await ask(KEYS.bob)) === 503);
    expect(await ask(KEYS.admin)).to.equal(200);
    for (const client of clients) client.leave();
    await eventually("room again", async () => (await ask(KEYS.bob)) === 200);
  });

  it("are refused where they would fill the gateway's memory, although their clients have gone", async () => {
    expect(await fill("/task/stream", { prompt: BIG, detach: true }, leave)).to.be.within(3, 20);
    await expectRoomForOthers();
  });
});
