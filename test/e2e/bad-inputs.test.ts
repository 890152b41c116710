import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { SessionStarted } from "@claudeway/schemas";
import { expect } from "chai";
import { BAD_BYTES, BAD_FRAMES, BAD_INPUTS, type BadInput, BODY_BYTES, COUNT, SECRET } from "./bad-inputs.js";
import { badInputsPage } from "./bad-inputs-page.js";
import { sendRaw } from "./bytes.js";
import { TestGateway } from "./gateway.js";
import { withoutStartReport } from "./start-report.js";
import { areTwoNodes } from "./two-nodes.js";
import { parseAnswer, type RawAnswer, send } from "./wire.js";

const STRANGER = "sk-stranger-0123456789";
const HANDSHAKE = {
  connection: "Upgrade",
  upgrade: "websocket",
  "sec-websocket-version": "13",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
};

describe("bad inputs", () => {
  let gateway: TestGateway;
  const ids: Record<string, string> = {};
  let asked = 0;
  before(async () => {
    gateway = await TestGateway.start({
      env: { WRAPPER_KEYS: `admin:${SECRET},stranger:${STRANGER}` },
      config: `[limits]\nbody_bytes = ${BODY_BYTES}\n`,
    });
    for (const [whose, key] of [
      ["", SECRET],
      ["stranger's ", STRANGER],
    ] as const) {
      const started = await gateway.request<SessionStarted>("/session/start", { body: {}, key });
      ids[`${whose}session`] = started.body.session_id;
      const task = await gateway.request("/task", {
        body: { prompt: "[[say a turn]]" },
        key,
        headers: { "idempotency-key": "used" },
      });
      ids[`${whose}turn`] = task.headers.get("x-turn-id") ?? "";
    }
    asked = gateway.model.requests().length;
  });
  after(() => gateway.dispose());

  it("are at least 80, no two alike, and printed in docs/bad-inputs.md", () => {
    const all = BAD_INPUTS.flatMap(({ inputs }) =>
      inputs.map((input) => JSON.stringify([input.request, input.sent])),
    );
    expect(new Set(all).size).to.equal(all.length);
    expect(COUNT).to.be.at.least(80);
    const page = readFileSync(new URL("../../docs/bad-inputs.md", import.meta.url), "utf8");
    expect(page === badInputsPage(), "`npm run generate:docs` writes the page").to.equal(true);
  });

  for (const { title, inputs } of BAD_INPUTS) {
    describe(title.toLowerCase(), () => {
      for (const [at, input] of inputs.entries()) {
        it(`${at + 1}. ${input.request}: ${input.status} ${input.error.slice(0, 80)}`, async () => {
          checkAnswer(await sendInput(input), input);
        });
      }
    });
  }

  describe("bytes that are not a request", () => {
    for (const { bytes, status, code, error } of BAD_BYTES) {
      it(`${JSON.stringify(bytes.slice(0, 80))}: ${status}`, async () => {
        const answer = parseAnswer(await sendRaw(gateway.url, bytes));
        expect(answer.status, answer.body).to.equal(status);
        expect(JSON.parse(answer.body)).to.deep.equal({ error, code });
      });
    }
  });

  describe("first messages of a WebSocket", () => {
    for (const { frame, shown, error, close } of BAD_FRAMES) {
      it(`${shown ?? frame}: ${close}`, async () => {
        const socket = gateway.socket("/task/ws", { key: SECRET });
        const frames: unknown[] = [];
        socket.on("message", (data) => frames.push(JSON.parse(data.toString())));
        await once(socket, "open");
        socket.send(frame);
        const [code] = await once(socket, "close");
        expect(frames).to.deep.equal(error === undefined ? [] : [{ event: "error", data: error }]);
        expect(code).to.equal(close);
      });
    }
  });

  it("reach neither the model nor cause an internal error", async () => {
    expect(gateway.model.requests()).to.have.length(asked);
    // Nodes of a cluster log that they joined.
    if (areTwoNodes()) expect(withoutStartReport(gateway.stderr)).not.to.match(/"level":"(?!info)/);
    else expect(withoutStartReport(gateway.stderr)).to.equal("");
    expect((await gateway.request("/sessions", { key: SECRET })).body).to.include({ total: 1 });
  });

  function sendInput({ request, sent }: BadInput): Promise<RawAnswer> {
    const [method = "", path = ""] = request
      .replace(/\{(.+)\}/, (_, name: string) => ids[name] ?? "")
      .split(" ");
    const { body, authorization = `Bearer ${SECRET}` } = sent;
    const headers = {
      ...(authorization === null ? {} : { authorization }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(sent.upgrade ? HANDSHAKE : {}),
      ...sent.headers,
    };
    const given = Object.entries(headers).filter(([name, value]) => value !== "" || /^idem/i.test(name));
    const asBytes = typeof body === "string" || body instanceof Uint8Array;
    return send(gateway, {
      method,
      path,
      key: null,
      headers: Object.fromEntries(given),
      ...(body === undefined ? {} : { body: asBytes ? body : JSON.stringify(body) }),
    });
  }

  function checkAnswer({ status, headers, body }: RawAnswer, wanted: BadInput): void {
    const { error, code } = wanted;
    expect(JSON.parse(body)).to.deep.equal({ error, code });
    expect(status).to.equal(wanted.status);
    expect(headers.get("content-type")).to.equal("application/json; charset=utf-8");
    expect(headers.get("www-authenticate")).to.equal(status === 401 ? "Bearer" : null);
    const [, allowed] = /must be (.*), got/.exec(status === 405 ? error : "") ?? [];
    expect(headers.get("allow")).to.equal(allowed?.replace(" or ", ", ") ?? null);
    // Before a request has been read, there is nothing to name.
    if (error !== "request header fields too large")
      expect(headers.get("x-request-id")).to.match(/^[0-9a-f-]{36}$/);
  }
});
