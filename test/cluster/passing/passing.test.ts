import { randomUUID } from "node:crypto";
import { once } from "node:events";
import http from "node:http";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { clientError, Elsewhere, NotBegun } from "@claudeway/ports";
import { expect } from "chai";
import { eventually } from "../../e2e/poll.js";
import { TestCluster, type TestNode } from "./kit.js";

const ALICE = { authorization: "alice" };

describe("a request of a session that another node has", () => {
  let cluster: TestCluster;
  let owner: TestNode;
  let other: TestNode;
  let id: string;
  /** Bytes of an endless answer that were taken. */
  let flowed: number;
  let streams: { readonly push: (text: string | null) => void; readonly closed: Promise<unknown> }[];

  beforeEach(async () => {
    cluster = new TestCluster();
    streams = [];
    flowed = 0;
    const fill: Parameters<TestCluster["add"]>[1] = (router, node) => {
      router.post("/session/:id", (ctx) => {
        ctx.set("x-turn-id", "turn-1");
        ctx.append("x-several", "one");
        ctx.append("x-several", "two");
        ctx.body = { at: node.name, body: ctx.request.body, keyId: ctx.state.caller?.keyId };
      });
      router.get("/session/:id", (ctx) => {
        ctx.body = { at: node.name };
      });
      router.post("/session/:id/files/:path", (ctx) => {
        ctx.body = { at: node.name };
      });
      router.post("/session/:id/stream", (ctx) => {
        const stream = new Readable({ read: () => undefined });
        const closed = once(ctx.res, "close");
        streams.push({ push: (text) => stream.push(text), closed });
        ctx.set("content-type", "text/event-stream");
        ctx.status = 200;
        ctx.body = stream;
        ctx.flushHeaders();
      });
      router.post("/session/:id/silent", (ctx) => {
        streams.push({ push: () => undefined, closed: once(ctx.res, "close") });
        return new Promise(() => undefined);
      });
      router.post("/session/:id/refused", () => {
        throw clientError("CONFLICT", "it waits", { details: { approval_id: "a-1" } });
      });
      router.get("/session/:id/endless", (ctx) => {
        ctx.body = Readable.from(
          chunks((size) => (flowed += size)),
          { objectMode: false },
        );
      });
      router.get("/turns/:id", (ctx) => {
        if (node === other) throw new Elsewhere(owner.address);
        ctx.body = { at: node.name };
      });
      router.post("/task", (ctx) => {
        if (node === other && ctx.get("x-late") === "yes") throw new Elsewhere(owner.address);
        ctx.body = { at: node.name, body: ctx.request.body };
      });
    };
    owner = await cluster.add("owner", fill);
    other = await cluster.add("other", fill);
    id = randomUUID();
    cluster.owners.set(id, "owner");
  });
  afterEach(() => cluster.close());

  const send = (path: string, init: RequestInit = {}, node = other) =>
    fetch(node.url + path, { ...init, headers: { authorization: "bob", ...init.headers } });
  const post = (path: string, body: unknown, headers: Record<string, string> = {}, node = other) =>
    send(
      path,
      {
        method: "POST",
        body: JSON.stringify(body),
        headers: { "content-type": "application/json", ...headers },
      },
      node,
    );

  it("is answered there, with status, headers and body unchanged", async () => {
    const response = await post(`/session/${id}`, { prompt: "hello" });
    expect(await response.json()).to.deep.equal({ at: "owner", body: { prompt: "hello" }, keyId: "bob" });
    expect(response.headers.get("x-turn-id")).to.equal("turn-1");
    expect(response.headers.get("x-several")).to.equal("one, two");
    const refused = await post(`/session/${id}/refused`, {});
    expect(refused.status).to.equal(409);
    expect(await refused.json()).to.deep.equal({ error: "it waits", code: "CONFLICT", approval_id: "a-1" });
    expect(other.seen).to.have.lengthOf(0);
  });

  it("goes there in the order of arrival, however long each look for its node takes", async () => {
    let looks = 0;
    cluster.looks = () => sleep(Math.max(0, 200 - 60 * looks++));
    const answers: Promise<unknown>[] = [];
    for (const number of ["1", "2", "3"]) {
      answers.push(post(`/session/${id}`, {}, { "x-number": number }));
      await sleep(20);
    }
    await Promise.all(answers);
    expect(owner.seen.map(({ headers }) => headers["x-number"])).to.deep.equal(["1", "2", "3"]);
  });

  it("goes without the caller's secret, as the caller that was authenticated", async () => {
    await post(`/session/${id}`, {}, { authorization: "alice", "x-api-key": "alice", "x-mine": "kept" });
    const [seen] = owner.seen;
    expect(seen?.keyId).to.equal("alice");
    expect(seen?.headers).to.not.have.any.keys("authorization", "x-api-key", "x-claudeway-passed");
    expect(seen?.headers).to.include({ "x-mine": "kept" });
  });

  it("goes without fields that its client takes away or makes up, and framed anew", async () => {
    const { hostname, port } = new URL(other.url);
    const path = `/session/${id}`;
    const headers = {
      authorization: "bob",
      connection: "keep-alive, content-length, x-claudeway-passed, x-mine, host",
      "content-type": "application/json",
      "content-length": "14",
      "x-mine": "1",
      te: "trailers",
      "proxy-authorization": "Basic eA==",
    };
    const request = http.request({ hostname, port, path, method: "POST", headers });
    request.end('{"prompt":"a"}');
    const [response] = await once(request, "response");
    let text = "";
    for await (const chunk of response) text += String(chunk);
    expect(JSON.parse(text)).to.deep.equal({ at: "owner", body: { prompt: "a" }, keyId: "bob" });
    const seen = owner.seen[0]?.headers;
    expect(seen).to.include({ "content-length": "14", host: new URL(owner.url).host });
    expect(seen).to.not.have.any.keys("x-mine", "te", "proxy-authorization", "transfer-encoding");
  });

  it("is reported once, with the node that answered, under one id", async () => {
    const response = await post(`/session/${id}`, {});
    await response.text();
    await eventually("a report", () => cluster.reported.length > 0);
    expect(cluster.reported).to.deep.equal([
      { at: "other", id: response.headers.get("x-request-id"), node: "owner" },
    ]);
  });

  it("stays here for a free session, which it takes, and for one of this node", async () => {
    const free = randomUUID();
    expect(await (await post(`/session/${free}`, {})).json()).to.include({ at: "other" });
    expect(cluster.owners.get(free)).to.equal("other");
    const unknown = randomUUID();
    expect(await (await send(`/session/${unknown}`)).json()).to.include({ at: "other" });
    expect(cluster.owners.has(unknown)).to.equal(false);
  });

  it("goes there whatever the spelling of its path", async () => {
    for (const path of [
      `/SESSION/${id.toUpperCase()}/`,
      `/session/${id.replace("-", "%2D")}`,
      `/session/${id}?x=1`,
      `/session/${id.replace("-", "%2D")}/files/%ZZ`,
    ]) {
      cluster.owners.set(id.toUpperCase(), "owner");
      expect(await (await post(path, {})).json(), path).to.include({ at: "owner" });
    }
  });

  it("sends events as they come, and ends the request there when its client leaves", async () => {
    const gone = new AbortController();
    const response = await post2(gone.signal);
    expect(response.headers.get("content-type")).to.equal("text/event-stream");
    await eventually("the stream", () => streams.length === 1);
    const reader = response.body?.getReader();
    streams[0]?.push("data: 1\n\n");
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).to.equal("data: 1\n\n");
    gone.abort();
    await streams[0]?.closed;
  });
  const post2 = (signal: AbortSignal) =>
    send(`/session/${id}/stream`, {
      method: "POST",
      body: "{}",
      signal,
      headers: { "content-type": "application/json" },
    });

  it("ends there, too, when its client leaves before the answer", async () => {
    const gone = new AbortController();
    const body = { method: "POST", body: "{}", headers: { "content-type": "application/json" } };
    const answer = send(`/session/${id}/silent`, { ...body, signal: gone.signal }).catch(() => undefined);
    await eventually("the request", () => streams.length === 1);
    gone.abort();
    await Promise.all([answer, streams[0]?.closed]);
  });

  it("breaks off for the client when it breaks off there", async () => {
    const response = await post2(new AbortController().signal);
    await eventually("the stream", () => streams.length === 1);
    streams[0]?.push("data: 1\n\n");
    const text = response.text();
    other.passing.lost(owner.address);
    expect(await text.then(String, (error: Error) => error.message)).to.equal("terminated");
  });

  it("sends no more than its reader takes, in both directions", async () => {
    const down = http.get(`${other.url}/session/${id}/endless`, { headers: { authorization: "bob" } });
    await once(down, "response");
    await standsStill(() => flowed);
    expect(flowed).to.be.above(0);
    down.destroy();
    let sent = 0;
    const body = Readable.from(
      chunks((size) => (sent += size)),
      { objectMode: false },
    );
    const path = `${other.url}/session/${id}/unread/x`;
    const up = http.request(path, { method: "PUT", headers: { authorization: "bob" } });
    up.on("error", () => undefined);
    body.pipe(up);
    await standsStill(() => sent);
    expect(sent).to.be.above(0);
    up.destroy();
    body.destroy();
  });

  it("sends files up as they come", async () => {
    const size = 8 * 1024 * 1024;
    const body = Readable.toWeb(Readable.from([Buffer.alloc(size / 2), Buffer.alloc(size / 2)]));
    const init: RequestInit & { duplex: "half" } = {
      method: "PUT",
      body: body as unknown as ReadableStream,
      duplex: "half",
    };
    expect(await (await send(`/session/${id}/files/a/b.bin`, init)).json()).to.deep.equal({
      size,
      at: "owner",
    });
  });

  it("is refused with 503 and Retry-After where the node does not answer or is away", async () => {
    await owner.close();
    const response = await post(`/session/${id}`, {});
    expect(response.status).to.equal(503);
    expect(response.headers.get("retry-after")).to.match(/^\d+$/);
    expect(await response.json()).to.deep.equal({
      error: "the node owner does not answer; try again",
      code: "UNAVAILABLE",
    });
    cluster.away.add("owner");
    const away = await post(`/session/${id}`, {});
    expect(away.status).to.equal(503);
    expect(await away.json()).to.include({ error: "the node owner, which has this session, is away" });
    expect(cluster.owners.get(id)).to.equal("owner");
    expect(await (await send(`/session/${id}`)).json()).to.include({ at: "other" });
  });

  it("looks like an unknown one to another key, where its node does not answer or is away", async () => {
    cluster.alices.add(id);
    await owner.close();
    const answers = async () => {
      const [stranger, alice] = [await post(`/session/${id}`, {}), await post(`/session/${id}`, {}, ALICE)];
      return [stranger.status, stranger.headers.get("retry-after"), await stranger.json(), alice.status];
    };
    const unknown = { error: "no such session", code: "NOT_FOUND" };
    expect(await answers()).to.deep.equal([404, null, unknown, 503]);
    cluster.away.add("owner");
    expect(await answers()).to.deep.equal([404, null, unknown, 503]);
  });

  it("is not passed on a second time", async () => {
    const third = await cluster.add("third", () => undefined);
    cluster.owners.set(id, "third");
    cluster.late.set("other", "owner");
    const response = await post(`/session/${id}`, {});
    expect(response.status).to.equal(503);
    expect(await response.json()).to.include({
      error: "the node owner takes no new work, or the session has moved; try again",
    });
    expect(third.seen).to.have.lengthOf(0);
  });

  it("reaches a turn that a route finds elsewhere, with the body that was read", async () => {
    expect(await (await send("/turns/1")).json()).to.deep.equal({ at: "owner" });
    const response = await post("/task", { prompt: "ü" }, { "x-late": "yes" });
    expect(await response.json()).to.deep.equal({ at: "owner", body: { prompt: "ü" } });
  });

  describe("and of which nothing was begun", () => {
    let third: TestNode;
    let refusals: number;

    beforeEach(async () => {
      refusals = 0;
      third = await cluster.add("third", (router, node) => {
        router.post("/session/:id", (ctx) => {
          ctx.body = { at: node.name, body: ctx.request.body };
        });
      });
    });

    /** Has a node refuse what it gets; after `times` refusals the session is where `moved` says. */
    const refuse = (node: TestNode, times: number, moved: () => void) => {
      node.interrupts = async () => {
        if (++refusals === times) moved();
        throw new NotBegun("UNAVAILABLE", "the gateway is shutting down");
      };
    };

    it("goes to where the session is next, with its body", async () => {
      refuse(owner, 3, () => cluster.owners.set(id, "third"));
      const response = await post(`/session/${id}`, { prompt: "ü" });
      expect(await response.json()).to.deep.equal({ at: "third", body: { prompt: "ü" } });
      expect(response.headers.has("x-claudeway-not-begun")).to.equal(false);
      expect([refusals, third.seen.length]).to.deep.equal([3, 1]);
    });

    it("is answered here, with its body, once the session is free", async () => {
      refuse(owner, 2, () => cluster.owners.delete(id));
      const response = await post(`/session/${id}`, { prompt: "ü" });
      expect(await response.json()).to.deep.equal({ at: "other", body: { prompt: "ü" }, keyId: "bob" });
      await eventually("a report", () => cluster.reported.length > 0);
      expect(cluster.reported.map(({ node }) => node)).to.deep.equal(["other"]);
      expect([refusals, other.seen.length, third.seen.length]).to.deep.equal([2, 1, 0]);
    });

    it("waits for the next node of a session that this one still has", async () => {
      cluster.owners.set(id, "other");
      refuse(other, 1, () => setTimeout(() => cluster.owners.set(id, "third"), 200));
      expect(await (await post(`/session/${id}`, { prompt: "x" })).json()).to.include({ at: "third" });
      expect([refusals, third.seen.length]).to.deep.equal([1, 1]);
    });

    it("goes to another node if it is a task", async () => {
      refuse(other, 1, () => undefined);
      cluster.records.delete("third");
      expect(await (await post("/task", { prompt: "x" })).json()).to.deep.equal({
        at: "owner",
        body: { prompt: "x" },
      });
    });

    it("goes on when its node can't be reached", async () => {
      await owner.close();
      const find = cluster.owners.get.bind(cluster.owners);
      let looks = 0;
      cluster.owners.get = (key) => (++looks > 2 ? "third" : find(key));
      expect(await (await post(`/session/${id}`, { prompt: "x" })).json()).to.include({ at: "third" });
      expect(looks).to.be.above(2);
    });

    it("is refused once that has taken too long", async () => {
      refuse(owner, 0, () => undefined);
      const response = await post(`/session/${id}`, {});
      expect(response.status).to.equal(503);
      expect(response.headers.get("retry-after")).to.match(/^\d+$/);
      expect(refusals).to.be.above(3);
    });
  });

  describe("and whose answer was lost", () => {
    let third: TestNode;
    let turnIds: (string | undefined)[];

    beforeEach(async () => {
      turnIds = [];
      third = await cluster.add("third", (router, node) => {
        router.all("/session/:id", (ctx) => {
          ctx.body = { at: node.name };
        });
      });
      owner.interrupts = async (ctx) => {
        turnIds.push(ctx.state.passed?.turnId);
        cluster.owners.set(id, "third");
        ctx.req.socket.destroy();
      };
    });

    it("is never sent a second time while its node lives", async () => {
      const response = await post(`/session/${id}`, { prompt: "x" });
      expect([response.status, response.headers.get("retry-after")]).to.deep.equal([502, null]);
      expect(response.headers.get("x-should-retry")).to.equal("false");
      expect(await response.json()).to.include({ code: "BAD_GATEWAY" });
      expect([owner.seen.length, other.seen.length, third.seen.length]).to.deep.equal([1, 0, 0]);
    });

    it("is answered at once if this node shuts down meanwhile", async () => {
      let looks = 0;
      cluster.living = () => {
        if (++looks === 2) other.passing.close();
        return true;
      };
      expect((await post(`/session/${id}`, { prompt: "x" })).status).to.equal(502);
      expect(looks).to.equal(2);
    });

    it("is never sent a second time if its node began it before it left", async () => {
      cluster.living = () => false;
      cluster.turns = { has: (turnId) => turnId === turnIds[0] };
      expect((await post(`/session/${id}`, { prompt: "x" })).status).to.equal(502);
      expect([turnIds.length, third.seen.length]).to.deep.equal([1, 0]);
    });

    it("goes to where the session is next, once its node has left and had begun nothing", async () => {
      let looks = 0;
      cluster.living = () => ++looks < 3;
      const asked: string[] = [];
      cluster.turns = { has: (turnId) => asked.push(turnId) < 0 };
      expect(await (await post(`/session/${id}`, { prompt: "x" })).json()).to.deep.equal({ at: "third" });
      expect(asked).to.deep.equal(turnIds);
      expect([looks, third.seen.length]).to.deep.equal([3, 1]);
    });

    it("is sent again if it only reads", async () => {
      expect(await (await send(`/session/${id}`)).json()).to.deep.equal({ at: "third" });
    });

    it("is not sent again if it is no prompt", async () => {
      cluster.living = () => false;
      expect((await post(`/session/${id}/interrupt`, {})).status).to.equal(502);
      expect(turnIds).to.deep.equal([undefined]);
    });

    it("may be sent again by its client if a repeat does nothing more", async () => {
      const response = await send(`/session/${id}`, { method: "DELETE" });
      expect(response.status).to.equal(503);
      expect(response.headers.get("retry-after")).to.match(/^\d+$/);
      expect(third.seen).to.have.lengthOf(0);
    });

    it("looks like an unknown one to another key", async () => {
      cluster.alices.add(id);
      expect((await post(`/session/${id}`, { prompt: "x" })).status).to.equal(404);
    });
  });

  describe("and its signature", () => {
    /** What a node sent, recorded by a server in the middle. */
    async function recorded(): Promise<{
      readonly headers: http.IncomingHttpHeaders;
      readonly body: string;
    }> {
      const found: { headers: http.IncomingHttpHeaders; body: string }[] = [];
      const server = http.createServer((request, response) => {
        let body = "";
        request.on("data", (chunk) => (body += chunk));
        request.on("end", () => {
          found.push({ headers: request.headers, body });
          response.end("{}");
        });
      });
      server.listen(0);
      await once(server, "listening");
      const real = cluster.records.get("owner");
      const address = server.address();
      if (real === undefined || address === null || typeof address === "string") throw new Error("no port");
      cluster.records.set("owner", { ...real, url: `http://127.0.0.1:${address.port}` });
      await post(`/session/${id}`, { prompt: "pay" });
      server.closeAllConnections();
      server.close();
      cluster.records.set("owner", real);
      const [first] = found;
      if (first === undefined) throw new Error("nothing was sent");
      return first;
    }
    const replay = (change: {
      readonly path?: string;
      readonly headers?: object;
      readonly body?: string;
    }) => {
      const { path = `/session/${id}`, headers, body } = change;
      const request = http.request(owner.url + path, { method: "POST", headers: { ...headers } });
      request.end(body);
      return new Promise<number | string>((resolve) => {
        request.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
        request.on("response", (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        });
      });
    };

    it("is good for one request, once", async () => {
      const { headers, body } = await recorded();
      expect(await replay({ headers, body })).to.equal(200);
      expect(await replay({ headers, body })).to.equal(503);
      expect(owner.seen).to.have.lengthOf(1);
    });

    it("is not good for another path, body, key for repeats, or start of the node", async () => {
      const { headers, body } = await recorded();
      expect(await replay({ headers, body, path: `/session/${randomUUID()}` })).to.equal(401);
      expect(await replay({ headers: { ...headers, "idempotency-key": "k" }, body })).to.equal(401);
      expect(await replay({ headers, body: body.replace("pay", "lay") })).to.equal("ECONNRESET");
      owner.incarnation = 2;
      expect(await replay({ headers, body })).to.equal(503);
      expect(owner.seen.length).to.be.at.most(1);
    });

    it("is made with the secret of the cluster", async () => {
      const stranger = await cluster.add("stranger", () => undefined, "another secret");
      expect((await post(`/session/${id}`, {}, {}, stranger)).status).to.equal(401);
      expect((await post(`/session/${id}`, {}, { "x-claudeway-passed": "made.up" })).status).to.equal(401);
      expect(owner.seen).to.have.lengthOf(0);
    });
  });

  describe("for callers in this process", () => {
    const caller = { keyId: "bob", admin: false };

    it("is taken over when its node hands it over, and not when it is busy there", async () => {
      owner.isBusy = true;
      const refused = await other.passing.bring(id, caller).catch((error: unknown) => error);
      expect(refused).to.be.instanceOf(Elsewhere);
      expect(cluster.owners.get(id)).to.equal("owner");
      owner.isBusy = false;
      await other.passing.bring(id, caller);
      expect(cluster.owners.get(id)).to.equal("other");
      expect(owner.carriedOut).to.deep.equal([
        ["hand-over", id, caller],
        ["hand-over", id, caller],
      ]);
    });

    it("is neither taken over nor asked for by another key, which is told that there is none", async () => {
      cluster.alices.add(id);
      const free = randomUUID();
      cluster.alices.add(free);
      const refused = async (asked: Promise<unknown>) => String(await asked.catch((error: unknown) => error));
      expect(await refused(other.passing.bring(id, caller))).to.include("no such session");
      expect(await refused(other.passing.bring(free, caller))).to.include("no such session");
      expect(await refused(other.passing.order("delete", id, caller))).to.include("no such session");
      cluster.away.add("owner");
      expect(await refused(other.passing.order("delete", id, caller))).to.include("no such session");
      expect(owner.carriedOut).to.have.lengthOf(0);
      expect([cluster.owners.get(id), cluster.owners.get(free)]).to.deep.equal(["owner", undefined]);
    });

    it("is interrupted where it runs, and here if it is free", async () => {
      expect(await other.passing.order("interrupt", id, caller)).to.equal(true);
      expect(owner.carriedOut).to.deep.equal([["interrupt", id, caller]]);
      expect(await other.passing.order("interrupt", randomUUID(), caller)).to.equal(undefined);
      await owner.close();
      const error = await other.passing.order("interrupt", id, caller).catch(String);
      expect(error).to.include("the node owner does not answer");
    });

    it("is refused with UNAVAILABLE where the answer to an order breaks off, or is not one", async () => {
      const answers = [
        (response: http.ServerResponse) => response.writeHead(200, { "content-length": "9" }).write("{"),
        (response: http.ServerResponse) => response.writeHead(502).end("<html>"),
      ];
      const broken = http
        .createServer((_request, response) => {
          answers.shift()?.(response);
          setTimeout(() => response.destroy(), 50);
        })
        .listen(0, "127.0.0.1");
      await once(broken, "listening");
      const [record, address] = [cluster.records.get("owner"), broken.address()];
      if (record === undefined || address === null || typeof address === "string") throw new Error("no port");
      cluster.records.set("owner", { ...record, url: `http://127.0.0.1:${address.port}` });
      try {
        for (let order = 0; order < 2; order++) {
          const error = await other.passing.order("interrupt", id, caller).catch((thrown: unknown) => thrown);
          expect(error).to.include({
            code: "UNAVAILABLE",
            message: "the node owner does not answer; try again",
          });
        }
      } finally {
        broken.close();
      }
    });

    it("obeys no order of a client", async () => {
      const response = await post(`/cluster/session/${id}/delete`, {}, {}, owner);
      expect(response.status).to.equal(404);
      expect(owner.carriedOut).to.have.lengthOf(0);
    });
  });

  describe("and one-shot tasks", () => {
    it("go to an emptier node once all places here are taken", async () => {
      const where = async (headers = {}) =>
        (await (await post("/task", { prompt: "x" }, headers)).json()) as { at: string };
      expect(await where()).to.include({ at: "other" });
      other.load = { running: 10, queued: 3, maxRunning: 10 };
      expect(await where()).to.include({ at: "owner" });
      expect(await where({ "idempotency-key": "k" })).to.include({ at: "other" });
      const record = cluster.records.get("owner");
      if (record === undefined) throw new Error("no owner");
      cluster.records.set("owner", { ...record, running: 10, queued: 5 });
      expect(await where()).to.include({ at: "other" });
    });
  });
});

function* chunks(taken: (size: number) => void): Generator<Buffer> {
  for (;;) {
    taken(65_536);
    yield Buffer.alloc(65_536);
  }
}

/** Waits until a number has stopped growing. */
async function standsStill(count: () => number): Promise<void> {
  let [before, looks] = [0, 0];
  await eventually("a standstill", () => {
    looks = before === count() && before > 0 ? looks + 1 : 0;
    before = count();
    return looks >= 20;
  });
}
