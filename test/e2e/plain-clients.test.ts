import { expect } from "chai";
import type WebSocket from "ws";
import { Conversation } from "./conversation.js";
import { TestGateway } from "./gateway.js";

const TOKENS = '{"input":10,"output":3,"cache_read":0,"cache_write":100}';
const DONE = `{"session_id":"<id>","result":"one two three","success":true,"duration_ms":<ms>,"tokens":${TOKENS},"cost_usd":<usd>,"error":null}`;
const TEXTS = ["one", "one two", "one two three"];

/** A stream without what differs from run to run. */
function steady(text: string): string {
  return text
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "<id>")
    .replaceAll(/"duration_ms":\d+/g, '"duration_ms":<ms>')
    .replaceAll(/"cost_usd":[\d.e-]+/g, '"cost_usd":<usd>')
    .replaceAll(/"tokens":\{[^}]*\}/g, `"tokens":${TOKENS}`)
    .replaceAll(/^: .*\n\n/gm, "");
}

describe("a client that sends no options", () => {
  const prompt = "[[slow 50]] [[say one two three]]";
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start({ config: "[engine]\nspares = 0\n", env: { IS_SANDBOX: "1" } });
  });
  after(() => gateway.dispose());

  const stream = async (path: string, body: object = {}) => {
    const response = await gateway.fetch(path, { body: { prompt, ...body } });
    return steady(await response.text());
  };
  /** Texts that follow each other quickly may come as one. */
  const texts = (bytes: string) =>
    [...bytes.matchAll(/^id: \d+\nevent: text\ndata: (.*)\n\n/gm)].map(([, text]) => text);
  const rest = (bytes: string) => bytes.replaceAll(/^id: \d+\nevent: text\ndata: .*\n\n/gm, "");

  it("gets the streams and responses that it always got, byte for byte", async () => {
    const { path } = await Conversation.start(gateway);
    // A live process that other options have passed through is no different.
    await gateway.request(path, { body: { prompt: "[[say hi]]", effort: "low", model: "haiku" } });
    for (const where of ["/task/stream", `${path}/stream`]) {
      const bytes = await stream(where);
      expect(rest(bytes), where).to.match(/^id: \d+\nevent: done\ndata: .*\n\n$/);
      expect(rest(bytes).replace(/^id: \d+\n/, "")).to.equal(`event: done\ndata: ${DONE}\n\n`);
      expect(texts(bytes).at(-1)).to.equal(TEXTS.at(-1));
      for (const text of texts(bytes)) expect(TEXTS.at(-1)?.startsWith(String(text))).to.equal(true);
      expect(texts(await stream(where, { stream: "delta" })).join("")).to.equal(TEXTS.at(-1));
    }
    for (const where of ["/task", path]) expect(await stream(where), where).to.equal(DONE);
  });

  it("gets the same over a WebSocket", async () => {
    const socket: WebSocket = gateway.socket();
    const frames: string[] = [];
    socket.on("message", (data) => frames.push(steady(String(data))));
    socket.once("open", () => socket.send(JSON.stringify({ prompt })));
    await new Promise((resolve) => socket.once("close", resolve));
    expect(frames.at(-1)).to.equal(`{"event":"done","data":${DONE}}`);
    expect(frames.at(-2)).to.equal('{"event":"text","data":"one two three"}');
    for (const frame of frames.slice(0, -1))
      expect(frame).to.match(/^\{"event":"text","data":"one[a-z ]*"\}$/);
  });
});
