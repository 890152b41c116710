import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type CompletedRequest, definePlugin, type TurnRunner } from "@claudeway/core";
import { expect } from "chai";
import WebSocket from "ws";
import { readEvents } from "#testing/event-parser.js";
import type { Script } from "#testing/script.js";
import { listeningPort } from "../../e2e/address.js";
import { eventually } from "../../e2e/poll.js";
import { KEYS, type OneOfTwo, TwoGateways } from "./two-gateways.js";

/** Once all turns have ended, a gateway that closes gives its last answers a second. */
const LONGER_THAN_LAST_ANSWERS_MS = 1_500;

/** Turns with "wait" in their prompt wait until the test lets them go on. */
let goOn: () => void;
let waited: Promise<void>;
const script: Script = async function* ({ prompt }) {
  yield "begun ";
  if (prompt.includes("wait")) yield { wait: waited };
  yield `done: ${prompt}`;
};

describe("two gateways on one ledger", () => {
  let two: TwoGateways;
  let runners: TurnRunner[];
  let completed: CompletedRequest[];

  beforeEach(async () => {
    waited = new Promise((resolve) => {
      goOn = resolve;
    });
    runners = [];
    completed = [];
    const plugin = () =>
      definePlugin({
        name: "caller",
        apiVersion: 1,
        configSchema: { type: "object", additionalProperties: false },
        needs: ["turns"],
        apply: (kernel) => {
          runners.push(kernel.turns);
          kernel.hooks.requestCompleted.tap("seen", (request) => void completed.push(request));
          kernel.hooks.workdir.tapPromise("slow", async () => {
            await waited;
            return join(two.dir, "work");
          });
        },
      });
    two = await TwoGateways.start({ script, plugins: [plugin()], config: { engine: { grace_secs: 60 } } });
  });
  afterEach(async () => {
    goOn();
    await two.close();
  });

  it("run a session's turns at its owner, wherever the prompts arrive", async () => {
    const id = await two.session();
    const results = await Promise.all(
      [two.owner, two.other, two.other, two.owner].map((node, n) =>
        two.post(`/session/${id}`, { prompt: `prompt ${n}` }, node),
      ),
    );
    expect(results.map(({ status }) => status)).to.deep.equal([200, 200, 200, 200]);
    expect(two.owner.engine.ran).to.have.lengthOf(4);
    expect(two.other.engine.ran).to.have.lengthOf(0);
    expect(await two.get(`/session/${id}`)).to.include({ task_count: 4 });
  });

  it("begin a session's prompts in the order of their arrival, however long the ledger takes over each", async () => {
    const id = await two.session();
    const { sessions } = two.ledger;
    const get = sessions.get.bind(sessions);
    const looks: (() => void)[] = [];
    sessions.get = async (sessionId) => {
      if (looks.length < 3) await new Promise<void>((resolve) => looks.push(resolve));
      return get(sessionId);
    };
    const answers: Promise<unknown>[] = [];
    for (const prompt of ["one", "two", "three"]) {
      answers.push(two.post(`/session/${id}`, { prompt }, two.owner));
      await eventually(`${prompt} to have arrived`, () => looks.length === answers.length);
    }
    for (const answer of looks.toReversed()) {
      answer();
      await sleep(20);
    }
    await Promise.all(answers);
    expect(two.owner.engine.ran.map(({ prompt }) => prompt)).to.deep.equal(["one", "two", "three"]);
  });

  it("begin them in that order, too, where some of them claim an Idempotency-Key first", async () => {
    const id = await two.session();
    const claims: (() => void)[] = [];
    two.claiming = () => new Promise<void>((resolve) => claims.push(resolve));
    const first = two.post(`/session/${id}`, { prompt: "one" }, two.owner, { "idempotency-key": "first" });
    await eventually("it claims the key", () => claims.length === 1);
    const second = two.post(`/session/${id}`, { prompt: "two" }, two.owner);
    // Long enough for it to begin if it did not wait.
    await sleep(200);
    claims[0]?.();
    await Promise.all([first, second]);
    expect(two.owner.engine.ran.map(({ prompt }) => prompt)).to.deep.equal(["one", "two"]);
  });

  it("let a prompt go on whose key a request claimed first that arrived later", async () => {
    const id = await two.session();
    const key = { "idempotency-key": "twice" };
    const post = () => two.post(`/session/${id}`, { prompt: "one" }, two.owner, key);
    const claims: (() => void)[] = [];
    two.claiming = () => new Promise<void>((resolve) => claims.push(resolve));
    const first = post();
    await eventually("it claims the key", () => claims.length === 1);
    const second = post();
    await eventually("it claims the key, too", () => claims.length === 2);
    claims[1]?.();
    await eventually("the later one has it", () => two.claims.length === 1);
    claims[0]?.();
    const answers = await Promise.all([first, second]);
    expect(answers.map(({ status }) => status)).to.deep.equal([200, 200]);
    expect(two.owner.engine.ran).to.have.lengthOf(1);
  });

  it("let later prompts begin where the key of an earlier one is refused", async () => {
    const id = await two.session();
    const post = (prompt: string, key?: string) =>
      two.post(`/session/${id}`, { prompt }, two.owner, key === undefined ? {} : { "idempotency-key": key });
    expect(await post("one", "used")).to.include({ status: 200 });
    expect(await post("another", "used")).to.include({ status: 409 });
    expect(await post("one", "not valid")).to.include({ status: 400 });
    expect(await post("two")).to.include({ status: 200 });
  });

  it("find a running turn, its stream and its end from both", async () => {
    const id = await two.session();
    const { body } = await two.post(`/session/${id}`, { prompt: "x" });
    expect(body).to.include({ success: true });
    const stream = await two.fetch(`/session/${id}/stream`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ prompt: "wait", detach: true }),
    });
    const turn = stream.headers.get("x-turn-id");
    await eventually(
      "a turn that runs",
      async () => (await two.get(`/turns/${turn}`))["state"] === "running",
    );
    const followed = readAll(two.fetch(`/turns/${turn}/events`));
    goOn();
    const events = await followed;
    expect(textOf(events)).to.equal("begun done: wait");
    expect(textOf(await readAll(stream))).to.equal("begun done: wait");
    expect(events.at(-1)?.event).to.equal("done");
    // The owner has kept each of them, the ledger only the whole.
    const after = { headers: { "last-event-id": "1" } };
    expect(await readAll(two.fetch(`/turns/${turn}/events?stream=delta`, after))).to.deep.equal([
      { event: "text", data: "done: wait" },
      events.at(-1),
    ]);
    expect(await two.get(`/turns/${turn}`)).to.include({ state: "completed" });
    expect((await two.fetch(`/turns/${randomUUID()}`)).status).to.equal(404);
  });

  it("interrupt a turn from the one that does not run it, by order and by leaving", async () => {
    const id = await two.session();
    const answer = two.post(`/session/${id}`, { prompt: "wait" });
    await eventually("a turn", () => two.owner.gateway.load().running === 1);
    expect((await two.post(`/session/${id}/interrupt`, {})).body).to.include({ interrupted: true });
    expect((await answer).body).to.include({ success: false });
    const gone = new AbortController();
    const left = two.fetch(`/session/${id}/stream`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ prompt: "wait" }),
      signal: gone.signal,
    });
    const response = await left;
    gone.abort();
    await eventually("no turn", () => two.owner.gateway.load().running === 0);
    const turn = response.headers.get("x-turn-id");
    expect(await two.get(`/turns/${turn}`)).to.include({ state: "interrupted" });
  });

  it("begin one turn for a key that is sent to both at once, for sessions and tasks", async () => {
    const id = await two.session();
    for (const path of [`/session/${id}`, "/task"]) {
      waited = new Promise((resolve) => {
        goOn = resolve;
      });
      const headers = { "idempotency-key": `key-${path}` };
      const answers = [two.owner, two.other, two.other, two.owner].map((node) =>
        two.post(path, { prompt: "wait" }, node, headers),
      );
      await eventually(
        "a turn",
        () => two.owner.gateway.load().running + two.other.gateway.load().running >= 1,
      );
      goOn();
      const got = await Promise.all(answers);
      const turns = new Set(got.map(({ headers: sent }) => sent.get("x-turn-id")));
      expect(
        got.map(({ status }) => status),
        path,
      ).to.deep.equal([200, 200, 200, 200]);
      expect(turns.size, path).to.equal(1);
    }
    expect(two.owner.engine.ran.length + two.other.engine.ran.length).to.equal(2);
  });

  it("begin one turn for a key whose turn has not begun at the other", async () => {
    const headers = { "idempotency-key": "slow" };
    const task = { prompt: "x", workdir: "anywhere" };
    const first = two.post("/task", task, two.owner, headers);
    await eventually("a claim", () => two.claims.length === 1);
    const second = two.post("/task", task, two.other, headers);
    // At the owner, where it was passed on, it waits for the first.
    const third = await Promise.race([second, eventually("a third claim", () => two.claims.length === 3)]);
    expect(third).to.equal(true);
    goOn();
    const answers = await Promise.all([first, second]);
    expect(answers.map(({ status }) => status)).to.deep.equal([200, 200]);
    expect(two.owner.engine.ran).to.have.lengthOf(1);
    expect(two.other.engine.ran).to.have.lengthOf(0);
  });

  it("begin one turn for a key that its node lost, while the first request waited", async () => {
    const headers = { "idempotency-key": "lost" };
    const task = { prompt: "x", workdir: "anywhere" };
    const first = two.post("/task", task, two.owner, headers);
    await eventually("a claim", () => two.claims.length === 1);
    // What claiming it does elsewhere after the burial of the start that had it.
    for (const claim of two.claims) await two.ledger.idempotency.release(claim);
    const second = two.post("/task", task, two.other, headers);
    await eventually("a second claim", () => two.claims.length === 2);
    goOn();
    const answers = await Promise.all([first, second]);
    expect(two.owner.engine.ran).to.have.lengthOf(0);
    expect(two.other.engine.ran).to.have.lengthOf(1);
    // The first one is sent on to the turn of the second.
    expect(answers.map(({ status }) => status)).to.deep.equal([200, 200]);
    expect(new Set(answers.map(({ headers: sent }) => sent.get("x-turn-id"))).size).to.equal(1);
  });

  it("answer a request of another key's session alike", async () => {
    const id = await two.session();
    const admin = { authorization: `Bearer ${KEYS.admin}` };
    expect((await two.post(`/session/${id}`, { prompt: "x" }, two.other, admin)).status).to.equal(404);
    expect((await two.fetch(`/session/${id}/events`, { headers: admin })).status).to.equal(404);
  });

  it("pass a task's WebSocket on to the emptier one, with its frames and its end", async () => {
    const { socket, frames } = taskThrough(two.other);
    const [[handshake]] = await Promise.all([once(socket, "upgrade"), once(socket, "open")]);
    socket.send(JSON.stringify({ prompt: "wait" }));
    await eventually("a turn", () => two.owner.gateway.load().running === 1);
    const turn = handshake.headers["x-turn-id"];
    goOn();
    const [code] = await once(socket, "close");
    expect(code).to.equal(1000);
    expect(frames.at(-1)).to.equal("done");
    expect(two.owner.engine.ran.map(({ info }) => info.id)).to.deep.equal([turn]);
    waited = new Promise(() => undefined);
    const second = new WebSocket(`${two.other.url.replace("http", "ws")}/task/ws`, {
      headers: { authorization: `Bearer ${KEYS.bob}` },
    });
    await once(second, "open");
    second.send(JSON.stringify({ prompt: "wait" }));
    await eventually("a turn", () => two.owner.gateway.load().running === 1);
    second.terminate();
    await eventually("no turn", () => two.owner.gateway.load().running === 0);
  });

  it("close the port of one that drains before it waits for what the other answers", async () => {
    const id = await two.session();
    const answer = two.post(`/session/${id}`, { prompt: "wait" });
    const { socket, frames } = taskThrough(two.other);
    const ended = once(socket, "close");
    await once(socket, "open");
    socket.send(JSON.stringify({ prompt: "wait" }));
    await eventually("two turns", () => two.owner.gateway.load().running === 2);
    const closing = two.other.gateway.close();
    // As long as it were open, requests could keep this one from its end.
    await eventually("a closed port", () =>
      fetch(two.other.url).then(
        () => false,
        () => true,
      ),
    );
    await sleep(LONGER_THAN_LAST_ANSWERS_MS);
    expect(two.owner.gateway.load().running).to.equal(2);
    goOn();
    expect((await answer).body).to.include({ success: true });
    await ended;
    expect(frames.at(-1)).to.equal("done");
    await closing;
  });

  describe("when a task's WebSocket would go to the emptier one", () => {
    beforeEach(() => {
      Object.defineProperty(two.other.gateway.services.localWork, "load", {
        value: () => ({ running: 5, queued: 0, maxRunning: 5 }),
      });
    });
    const ownerIsAt = (port: number) => {
      const record = two.records.get("owner");
      if (record !== undefined) two.records.set("owner", { ...record, url: `http://127.0.0.1:${port}` });
    };
    const answering = async (answer: string) => {
      const server = createServer((socket) => void socket.on("error", () => undefined).write(answer));
      server.listen(0, "127.0.0.1");
      ownerIsAt(await listeningPort(server));
      return server;
    };
    const runsHere = async () => {
      const socket = new WebSocket(`${two.other.url.replace("http", "ws")}/task/ws`, {
        headers: { authorization: `Bearer ${KEYS.bob}` },
      });
      await once(socket, "open");
      socket.send(JSON.stringify({ prompt: "x" }));
      goOn();
      const [code] = await once(socket, "close");
      expect(code).to.equal(1000);
      expect(two.other.engine.ran).to.have.lengthOf(1);
    };

    it("run the task here if that one is not reached", async () => {
      ownerIsAt(9);
      await runsHere();
    });

    it("run the task here if that one began nothing", async () => {
      const refusal =
        "HTTP/1.1 503 Service Unavailable\r\nX-Claudeway-Not-Begun: 1\r\nContent-Length: 0\r\n\r\n";
      const server = await answering(refusal);
      await runsHere();
      server.close();
    });

    it("give its refusal to the client, and end the connection of one that does not", async () => {
      const refusal = "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 2\r\n\r\n{}";
      const server = await answering(refusal);
      const { hostname, port } = new URL(two.other.url);
      const client = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
      client.write(
        `GET /task/ws HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${KEYS.bob}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
      );
      let answer = "";
      client.setEncoding("utf8").on("data", (text) => {
        answer += text;
      });
      await once(client, "end");
      expect(answer)
        .to.match(/^HTTP\/1\.1 429 /)
        .and.to.match(/\{\}$/);
      // It is reported once its connection is closed.
      await eventually("a request", () => completed.some(({ status }) => status === 429));
      client.destroy();
      server.close();
    });
  });

  it("hand an idle session over to a plugin's prompt at the other, not a busy one, nor one that is not saved", async () => {
    const id = await two.session();
    const [, turns] = runners;
    if (turns === undefined) throw new Error("no plugin");
    await two.post(`/session/${id}`, { prompt: "x" });
    const handle = await turns.prompt("bob", id, { prompt: "y" });
    expect(await handle.answer).to.include({ success: true });
    expect(two.other.engine.ran).to.have.lengthOf(1);
    expect(two.owners.get(id)).to.equal("other");
    const [first] = runners;
    Object.assign(two.other.engine, { saved: async () => false });
    const unsaved = await first?.prompt("bob", id, { prompt: "z" }).catch((error: unknown) => error);
    expect(unsaved).to.include({ code: "UNAVAILABLE" });
    expect(two.owners.get(id)).to.equal("other");
    const busy = two.post(`/session/${id}`, { prompt: "wait" });
    await eventually("a turn", () => two.other.gateway.load().running === 1);
    const refused = await first?.prompt("bob", id, { prompt: "z" }).catch((error: unknown) => error);
    expect(refused).to.include({ code: "UNAVAILABLE" });
    expect(await first?.interrupt("bob", id)).to.equal(true);
    expect((await busy).body).to.include({ success: false });
    await first?.endSession("bob", id);
    expect((await two.fetch(`/session/${id}`)).status).to.equal(404);
  });

  it("say 503 where the owner does not answer, and take nothing over", async () => {
    const id = await two.session();
    const record = two.records.get("owner");
    if (record === undefined) throw new Error("no owner");
    two.records.set("owner", { ...record, url: "http://127.0.0.1:9" });
    const { status, headers, body } = await two.post(`/session/${id}`, { prompt: "x" });
    expect(status).to.equal(503);
    expect(headers.get("retry-after")).to.equal("2");
    expect(body).to.include({ code: "UNAVAILABLE" });
    expect(two.owners.get(id)).to.equal("owner");
  });
});

/** A WebSocket for a task, at the node whose places are taken. */
function taskThrough({ url, gateway }: OneOfTwo): { readonly socket: WebSocket; readonly frames: string[] } {
  Object.defineProperty(gateway.services.localWork, "load", {
    value: () => ({ running: 5, queued: 0, maxRunning: 5 }),
  });
  const socket = new WebSocket(`${url.replace("http", "ws")}/task/ws`, {
    headers: { authorization: `Bearer ${KEYS.bob}` },
  });
  const frames: string[] = [];
  socket.on("message", (data) => frames.push(JSON.parse(String(data)).event));
  return { socket, frames };
}

/** A text event has all the text so far. */
function textOf(events: Awaited<ReturnType<typeof readAll>>): string | undefined {
  return events.findLast(({ event }) => event === "text")?.data;
}

async function readAll(response: Response | Promise<Response>) {
  const events = [];
  for await (const event of readEvents(await response)) events.push({ event: event.event, data: event.data });
  return events;
}
