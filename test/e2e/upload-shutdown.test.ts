import { readdirSync } from "node:fs";
import { expect } from "chai";
import { Conversation } from "./conversation.js";
import { KEYS, TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";
import { RawClient } from "./raw-client.js";

const SIZE = 400_000;

describe("an upload while the gateway shuts down", () => {
  let gateway: TestGateway;
  let talk: Conversation;
  beforeEach(async () => {
    gateway = await TestGateway.start({ env: { IS_SANDBOX: "1" } });
    talk = await Conversation.start(gateway);
  });
  afterEach(() => gateway.dispose());

  /** An upload of which the rest is sent as the gateway gets its signal. */
  async function begun(bytes: number, rest = ""): Promise<RawClient> {
    const client = await RawClient.open(gateway.url);
    client.send(
      `PUT ${talk.path}/files/large HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${KEYS.admin}\r\ncontent-length: ${SIZE}\r\n\r\n${"x".repeat(bytes)}`,
    );
    await eventually("the upload", () => files().length === 1);
    gateway.signal("SIGTERM");
    client.send(rest);
    await eventually("the signal's line", () => gateway.stderr.includes("SIGTERM: closing"));
    return client;
  }
  const files = () => readdirSync(talk.workdir);

  it("is answered with 503, and leaves no part of the file", async () => {
    const client = await begun(5);
    await client.closed;
    const { status, body } = client.answer;
    expect([status, JSON.parse(body)]).to.deep.equal([
      503,
      { error: "the gateway is shutting down", code: "UNAVAILABLE" },
    ]);
    expect(await gateway.ended()).to.deep.equal({ code: 0, signal: null });
    expect(files()).to.deep.equal([]);
  });

  it("is finished if it arrives in time", async () => {
    const client = await begun(SIZE - 1, "x");
    await client.closed;
    expect(client.answer.status).to.equal(200);
    expect(await gateway.ended()).to.deep.equal({ code: 0, signal: null });
    expect(files()).to.deep.equal(["large"]);
  });
});
