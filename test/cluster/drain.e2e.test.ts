import { once } from "node:events";
import { expect } from "chai";
import WebSocket from "ws";
import { KEYS } from "../e2e/gateway.js";
import { eventually } from "../e2e/poll.js";
import { BotApiServer, CHAT_ID, TOKEN } from "../plugins/telegram/bot-api.js";
import { Cluster } from "./cluster.js";
import type { ClusterNode } from "./node.js";
import { promptOf } from "./order.js";
import { ask } from "./requests.js";

/** A turn that only the end of the node's grace ends. */
const ENDLESS_MS = 3_600_000;
const HEADERS = { authorization: `Bearer ${KEYS.admin}`, "content-type": "application/json" };

describe("SIGTERM to a node with turns, streams, sockets, followers and a poller", () => {
  let api: BotApiServer;
  let cluster: Cluster;

  beforeEach(async () => {
    api = await BotApiServer.start();
    const telegram = { bot_token: TOKEN, chat_id: String(CHAT_ID), api_root: api.url, allowed_users: [1001] };
    cluster = await Cluster.start({
      nodes: ["a"],
      cluster: { shared_workdirs: true },
      config: {
        engine: { grace_secs: 1 },
        plugins: { approval: { enabled: true }, telegram: { enabled: true, ...telegram } },
      },
    });
  });
  afterEach(async () => {
    await cluster?.dispose();
    await api.close();
  });

  const sessionAt = async (node: ClusterNode) =>
    `/session/${String((await ask(node, "/session/start", { body: {} })).body["session_id"])}`;
  const prompt = (tag: string) => promptOf({ tag, ms: ENDLESS_MS, units: 1 });
  const socketTo = ({ url }: ClusterNode) =>
    new WebSocket(`${url.replace("http", "ws")}/task/ws`, { headers: HEADERS });

  it("ends the process once its grace is over, and everything that was open with an answer or its end", async () => {
    const node = cluster.node("a");
    const turn = ask(node, await sessionAt(node), { body: { prompt: prompt("turn") } });
    const body = JSON.stringify({ prompt: prompt("stream") });
    const stream = await fetch(`${node.url}${await sessionAt(node)}/stream`, {
      method: "POST",
      headers: HEADERS,
      body,
    });
    const streamed = stream.text();
    const follower = await fetch(`${node.url}${await sessionAt(node)}/events`, { headers: HEADERS });
    const followed = follower.text();
    const [busy, idle] = [socketTo(node), socketTo(node)];
    await Promise.all([once(busy, "open"), once(idle, "open")]);
    const closed = Promise.all([once(busy, "close"), once(idle, "close")]);
    busy.send(JSON.stringify({ prompt: prompt("socket") }));
    // Each has a lock and what holds it.
    await eventually("three turns", async () => (await node.children()).length >= 6);
    await eventually("a poll", () => api.polled);

    await node.end("SIGTERM");

    expect(await turn).to.deep.include({
      status: 503,
      body: { error: "the gateway is shutting down", code: "UNAVAILABLE" },
    });
    expect(await streamed).to.match(/event: (?:done|error)\n/);
    await followed;
    await closed;
    expect(await node.children()).to.deep.equal([]);
    const rows = await cluster.query(`SELECT "end", count(*)::int AS turns FROM turns GROUP BY 1`);
    expect(rows).to.deep.equal([{ end: "interrupted", turns: 3 }]);
    expect(await cluster.query("SELECT state FROM nodes")).to.deep.equal([{ state: "left" }]);
    expect(node.output).to.not.match(/open handles remain/);
  });
});
