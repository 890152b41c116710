import { createServer, request } from "node:http";
import type { NodeRecord } from "@claudeway/ports";
import { expect } from "chai";
import { isTask, sessionNeed } from "#cluster/passing/destination.js";
import { EmptierNode } from "#cluster/passing/emptier.js";
import { sendOrder } from "#cluster/passing/orders.js";
import { ReplayWindow } from "#cluster/passing/replay.js";
import { Signer } from "#cluster/passing/signature.js";
import { listeningPort } from "../../e2e/address.js";
import { rejection } from "../../kernel/kit.js";

const ID = "0b0e1b5e-2f1c-4f0e-9d5a-0123456789ab";

describe("the numbers of passed requests", () => {
  const sender = { node: "a", incarnation: 3 };

  it("are accepted once, in any order within the window", () => {
    const window = new ReplayWindow();
    for (const number of [2, 1, 5, 4, 70_000, 69_000, 69_999]) {
      expect(window.accept(sender, number), String(number)).to.equal(true);
      expect(window.accept(sender, number), String(number)).to.equal(false);
    }
    expect(window.accept(sender, 3)).to.equal(false);
    expect(window.accept(sender, 70_000 - 65_536)).to.equal(false);
    expect(window.accept(sender, 70_001 - 65_536)).to.equal(true);
  });

  it("are each start's own, and an earlier start is not heard any more", () => {
    const window = new ReplayWindow();
    expect(window.accept(sender, 1)).to.equal(true);
    expect(window.accept({ node: "b", incarnation: 4 }, 1)).to.equal(true);
    expect(window.accept({ node: "a", incarnation: 5 }, 1)).to.equal(true);
    expect(window.accept(sender, 2)).to.equal(false);
  });

  it("are forgotten when the window moves over them", () => {
    const window = new ReplayWindow();
    for (let number = 1; number <= 200_000; number += 7) {
      expect(window.accept(sender, number)).to.equal(true);
      expect(window.accept(sender, number)).to.equal(false);
    }
  });
});

describe("the signature of a passed request", () => {
  const passed = {
    from: { node: "a", incarnation: 1 },
    to: { node: "b", incarnation: 2 },
    number: 1,
    requestId: "r",
    clientAddress: "::1",
    caller: { keyId: "bob", admin: false },
    digest: undefined,
  };
  const head = { method: "POST", target: "/task", headers: { "content-length": "2" } };

  it("says what was signed, with a caller that can't be changed", () => {
    const found = new Signer("s").verify(new Signer("s").sign(passed, head), head);
    expect(found).to.deep.equal(passed);
    expect(found?.caller).to.be.frozen;
  });

  it("is refused for another method, target, signed header, payload or secret", () => {
    const signer = new Signer("s");
    const value = signer.sign(passed, head);
    const [payload = "", mac] = value.split(".");
    const changed = Buffer.from(JSON.stringify({ ...passed, caller: { keyId: "root", admin: true } }));
    for (const [given, at, by] of [
      [value, { ...head, method: "PUT" }, signer],
      [value, { ...head, target: "/task?x" }, signer],
      [value, { ...head, headers: { "content-length": "3" } }, signer],
      [`${changed.toString("base64url")}.${mac}`, head, signer],
      [`${payload}.`, head, signer],
      ["", head, signer],
      [value, head, new Signer("t")],
    ] as const)
      expect(by.verify(given, at)).to.equal(undefined);
  });
});

describe("what a request needs", () => {
  it("is its session, which reads of the ledger only look for", () => {
    const claim = { sessionId: ID, needs: "claim" };
    const look = { sessionId: ID, needs: "look" };
    expect(sessionNeed("POST", `/session/${ID}`)).to.deep.equal(claim);
    expect(sessionNeed("GET", `/session/${ID}/files/a%2Fb?page=2`)).to.deep.equal(claim);
    expect(sessionNeed("PATCH", `/Session/${ID}/`)).to.deep.equal(claim);
    expect(sessionNeed("GET", `/session/${ID}/?x`)).to.deep.equal(look);
    expect(sessionNeed("HEAD", `/session/${ID}`)).to.deep.equal(look);
    for (const target of ["/session/start", "/sessions", `/sessions/${ID}`, "/session/%zz", `/turns/${ID}`])
      expect(sessionNeed("POST", target), target).to.equal(undefined);
    expect(sessionNeed("OPTIONS", `/session/${ID}`)).to.equal(undefined);
  });

  it("is no node in particular for a one-shot task", () => {
    for (const target of ["/task", "/TASK/", "/task/stream?x=1"])
      expect(isTask("POST", target), target).to.equal(true);
    for (const target of ["/tasks", "/task/ws", "/task/x"])
      expect(isTask("POST", target), target).to.equal(false);
    expect(isTask("GET", "/task")).to.equal(false);
  });
});

describe("the emptier of two nodes", () => {
  const full = { running: 4, queued: 2, maxRunning: 4 };
  const node = (name: string, running: number, beat = 1): NodeRecord => ({
    node: name,
    incarnation: 1,
    url: "",
    configDigest: "",
    version: "",
    beat,
    state: "up",
    joinedAt: "",
    running,
    queued: 0,
    processes: 0,
  });

  it("is sought only when every place here is taken, and taken only if it is emptier than this one", () => {
    const emptier = new EmptierNode(() => 0);
    expect(emptier.find([node("a", 0)], { ...full, running: 3 })).to.equal(undefined);
    expect(emptier.find([node("a", 6)], full)).to.equal(undefined);
    expect(emptier.find([], full)).to.equal(undefined);
    expect(emptier.find([node("a", 5)], full)?.node).to.equal("a");
  });

  it("is drawn from all, and not always the emptiest of them", () => {
    const nodes = [node("a", 3), node("b", 1), node("c", 0)];
    expect(new EmptierNode(() => 0).find(nodes, full)?.node).to.equal("b");
    expect(new EmptierNode(() => 0.99).find(nodes, full)?.node).to.equal("c");
  });

  it("counts what it was sent since its last beat", () => {
    const emptier = new EmptierNode(() => 0);
    const nodes = [node("a", 0), node("b", 0)];
    const counts = { a: 0, b: 0 };
    for (;;) {
      const found = emptier.find(nodes, full);
      if (found === undefined) break;
      emptier.sent(found);
      counts[found.node === "a" ? "a" : "b"]++;
    }
    expect(counts).to.deep.equal({ a: 6, b: 6 });
    expect(emptier.find([node("a", 5, 2)], full)?.node).to.equal("a");
  });
});

describe("an order to another node", () => {
  it("that it refuses is a 503 that says when to try again", async () => {
    const other = createServer((_, response) => {
      response.writeHead(503, { "content-type": "application/json" });
      response.end(JSON.stringify({ error: "the gateway is shutting down" }));
    }).listen(0, "127.0.0.1");
    try {
      const url = `http://127.0.0.1:${await listeningPort(other)}`;
      const to = { node: "b", incarnation: 1, url };
      const refused = await rejection(sendOrder(request(url, { method: "POST" }), to));
      expect(refused).to.include({ status: 503, message: "the gateway is shutting down" });
      expect(refused).to.have.nested.property("options.headers.retry-after").that.matches(/^\d+$/);
    } finally {
      other.close();
    }
  });
});
