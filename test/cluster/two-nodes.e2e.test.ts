import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { isObject } from "#schemas/index.js";
import { KEYS } from "../e2e/gateway.js";
import { eventually, limitSecs } from "../e2e/poll.js";
import { judge } from "./books.js";
import { Cluster } from "./cluster.js";
import { leaseSecs } from "./lease.js";
import { Load } from "./load.js";
import type { ClusterNode } from "./node.js";
import { promptOf } from "./order.js";
import { Random } from "./random.js";

const LEASE_SECS = leaseSecs(3);
/** A turn that only its end by others ends within that time. */
const LONG_MS = 300_000;

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

describe("two nodes on one database", () => {
  let cluster: Cluster;
  let [a, b]: ClusterNode[] = [];

  beforeEach(async () => {
    cluster = await Cluster.start({
      nodes: ["a", "b"],
      cluster: { lease_secs: LEASE_SECS, shared_workdirs: true },
    });
    [a, b] = cluster.nodes;
  });
  afterEach(() => cluster.dispose());

  async function call(node: ClusterNode | undefined, path: string, body?: unknown): Promise<Answer> {
    const response = await fetch(`${node?.url}${path}`, {
      // Of the node that is cut off from its database, the first answers may hang.
      ...(body === undefined && { signal: AbortSignal.timeout(limitSecs(0.5) * 1000) }),
      method: body === undefined ? "GET" : "POST",
      headers: { authorization: `Bearer ${KEYS.admin}`, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const read: unknown = await response.json();
    return { status: response.status, body: isObject(read) ? read : {} };
  }

  async function startSession(node: ClusterNode | undefined): Promise<string> {
    const { body } = await call(node, "/session/start", {});
    return String(body["session_id"]);
  }

  const say = (node: ClusterNode | undefined, session: string, ms = 0) =>
    call(node, `/session/${session}`, { prompt: promptOf({ tag: "said", ms, units: 1 }) });

  const served = (node: ClusterNode | undefined, session: string) =>
    eventually("an answer", async () => {
      const { status, body } = await say(node, session).catch(() => ({ status: 0, body: {} }));
      return status === 200 && (body as Answer["body"])["success"] === true;
    });

  const isReady = (node: ClusterNode | undefined) =>
    call(node, "/ready").then(
      ({ status }) => status === 200,
      () => false,
    );

  const row = async (node: string) =>
    (await cluster.query("SELECT * FROM nodes WHERE node = $1", [node]))[0] ?? {};

  it("serve the sessions of one that was killed, and record its turns as lost once", async () => {
    const [idle, busy] = [await startSession(a), await startSession(a)];
    expect((await say(a, idle)).body["success"]).to.equal(true);
    const cut = say(a, busy, LONG_MS).catch(() => undefined);
    await eventually("a running turn", async () => ((await a?.children())?.length ?? 0) > 0);
    const killedAt = performance.now();
    await a?.kill();
    await eventually("no process", async () => (await a?.children())?.length === 0);
    const goneMs = performance.now() - killedAt;
    await served(b, idle);
    const idleMs = performance.now() - killedAt;
    await served(b, busy);
    const busyMs = performance.now() - killedAt;
    await cut;
    const turns = await cluster.query(
      `SELECT t."end" FROM turns t JOIN sessions s ON s.seq = t.session_seq WHERE s.id = $1 ORDER BY t.seq`,
      [busy],
    );
    expect(turns.map(({ end }) => end)).to.deep.equal(["lost", "completed"]);
    expect((await row("a"))["state"]).to.equal("dead");
    report("killed", { goneMs, idleMs, busyMs });
  });

  it("take over from one that is suspended, which ends its work when it wakes and comes back", async () => {
    const busy = await startSession(a);
    const cut = say(a, busy, LONG_MS).catch(() => undefined);
    await eventually("a running turn", async () => ((await a?.children())?.length ?? 0) > 0);
    const first = Number((await row("a"))["incarnation"]);
    const stoppedAt = performance.now();
    a?.suspend();
    // The guard ends its work, although the gateway can't.
    await eventually("no process", async () => (await a?.children())?.length === 0);
    const goneMs = performance.now() - stoppedAt;
    await served(b, busy);
    const servedMs = performance.now() - stoppedAt;
    expect((await row("a"))["state"]).to.equal("dead");
    a?.wake();
    const answer = await cut;
    expect(answer?.body["success"]).to.not.equal(true);
    await eventually("a new incarnation", async () => (await row("a"))["state"] === "up");
    expect(Number((await row("a"))["incarnation"])).to.be.greaterThan(first);
    await eventually("ready", () => isReady(a));
    // Through the other node, which has the session.
    await served(a, busy);
    const ends = await cluster.query(`SELECT "end" FROM turns ORDER BY seq`);
    expect(ends.filter(({ end }) => end === "lost").length).to.equal(1);
    report("suspended", { goneMs, servedMs });
  });

  it("stop working when cut off from the database, say so, and come back", async () => {
    const id = await startSession(a);
    expect((await say(a, id)).body["success"]).to.equal(true);
    const cutAt = performance.now();
    a?.database.cut();
    const isFenced = () =>
      call(a, "/ready").then(
        ({ body }) => body["reason"] === "fenced",
        () => false,
      );
    await eventually("not ready", isFenced);
    const fencedMs = performance.now() - cutAt;
    expect((await say(a, id)).status).to.equal(503);
    await served(b, id);
    const servedMs = performance.now() - cutAt;
    a?.database.restore();
    await eventually("ready", () => isReady(a));
    report("cut off", { fencedMs, servedMs });
  });

  it("free their sessions at once when they are ended by SIGTERM", async () => {
    const id = await startSession(a);
    expect((await say(a, id)).body["success"]).to.equal(true);
    await a?.end("SIGTERM");
    expect((await row("a"))["state"]).to.equal("left");
    expect((await say(b, id)).body["success"]).to.equal(true);
  });

  it("keep exact books under load while one is killed and one is suspended", async () => {
    const load = new Load(cluster.nodes, { clients: 4, sessions: 4, ms: 120, random: new Random(11) });
    await load.start();
    await sleep(2000);
    await a?.kill();
    await sleep(2 * LEASE_SECS * 1000);
    await a?.start();
    b?.suspend();
    await sleep(2 * LEASE_SECS * 1000);
    b?.wake();
    await sleep(LEASE_SECS * 1000);
    await load.stop();
    const verdict = await eventually("quiet books", async () => {
      const found = await judge(cluster, load.history);
      return found.broken.length === 0 ? found : undefined;
    }).catch(() => judge(cluster, load.history));
    expect(verdict.broken).to.deep.equal([]);
    report("load", { acknowledged: verdict.acknowledged, lost: verdict.lost });
  });
});

/** Figures, for who reads the run. */
function report(what: string, figures: Readonly<Record<string, number>>): void {
  const shown = Object.entries(figures).map(([name, value]) => `${name} ${Math.round(value)}`);
  process.stdout.write(`      ${what}, lease ${LEASE_SECS} s: ${shown.join(", ")}\n`);
}
