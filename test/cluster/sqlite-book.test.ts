import type { Ledger } from "@claudeway/ports";
import { expect } from "chai";
import { pino } from "pino";
import { GatewayCluster } from "#cluster/index.js";
import { openLedger } from "#ledger-sqlite/sqlite-ledger.js";
import { newFolder, newSession, newTurn, removeFolders } from "../ledger/fixture.js";
import { LEASE_SECS, NotedWork } from "./cluster-kit.js";
import { type Machine, World } from "./world.js";

const LEASE = LEASE_SECS * 1000;

describe("nodes on the tables of a ledger", () => {
  let ledger: Ledger;
  let world: World;

  beforeEach(async () => {
    ledger = await openLedger({ dataDir: newFolder() });
    world = new World();
  });
  afterEach(async () => {
    await ledger.close();
    removeFolders();
  });

  async function join(name: string) {
    const machine: Machine = world.machine();
    const work = new NotedWork();
    const cluster = new GatewayCluster({
      ledger,
      book: ledger.nodes,
      ownTurns: (of) => ledger.turns.running(of),
      self: { node: name, url: `http://${name}:3000`, configDigest: "keys=1", version: "1" },
      digestAfter: () => "keys=1",
      leaseSecs: LEASE_SECS,
      sharedWorkdirs: undefined,
      secret: "shared-by-all-nodes",
      log: pino({ level: "silent" }),
      clock: machine,
    });
    await cluster.begin(work);
    return { machine, work, cluster };
  }

  it("pass a session on with a new epoch when its node is silent, and find its turn", async () => {
    const [a, b] = [await join("a"), await join("b")];
    const session = newSession();
    await ledger.sessions.create(session);
    const before = await a.cluster.ownership.claim(session.id);
    if (before.at !== "here") throw new Error("expected to own the session");
    const turn = newTurn(session);
    await ledger.turns.begin(turn, before.claim);
    a.work.running.add(turn.id);
    a.work.busy.add(session.id);
    await world.advance(LEASE);
    expect([...a.work.lost, ...b.work.lost]).to.deep.equal([]);
    a.machine.stopped = true;
    await world.advance(LEASE + 3 * (LEASE / 10));
    expect(new Set(b.work.lost)).to.deep.equal(new Set([turn.id]));
    const after = await b.cluster.ownership.claim(session.id);
    if (after.at !== "here") throw new Error("expected to own the session");
    expect(after.claim.epoch).to.be.greaterThan(before.claim.epoch);
    expect(b.work.recovered).to.deep.equal([session.id]);
    // A late write of the node that was buried.
    const late = await ledger.turns.begin(newTurn(session), before.claim).catch((error: unknown) => error);
    expect(late).to.have.property("name", "FencedError");
    a.machine.stopped = false;
    await world.advance(LEASE);
    expect(a.work.stops).to.equal(1);
    expect(a.cluster.condition).to.equal("up");
    await Promise.all([a.cluster.leave(), b.cluster.leave()]);
  });

  it("find turns of their own that they do not run", async () => {
    const { work, cluster } = await join("a");
    const session = newSession();
    const { owner } = cluster.ownership;
    await ledger.sessions.create(session, owner);
    const turn = newTurn(session);
    await ledger.turns.begin(turn, cluster.ownership.created(session.id, owner));
    await world.advance(3000);
    expect(new Set(work.lost)).to.deep.equal(new Set([turn.id]));
    await cluster.leave();
  });

  it("lead one at a time", async () => {
    const [a, b] = [await join("a"), await join("b")];
    const leaders: string[] = [];
    const stop = new AbortController();
    const lead = (name: string, { cluster }: typeof a) =>
      void cluster.singletons.lead(
        "poller",
        (lost) => {
          leaders.push(name);
          return new Promise((resolve) => lost.addEventListener("abort", () => resolve()));
        },
        stop.signal,
      );
    lead("a", a);
    await world.advance(100);
    lead("b", b);
    await world.advance(2 * LEASE);
    expect(leaders).to.deep.equal(["a"]);
    await a.cluster.leave();
    await world.advance(LEASE / 5);
    expect(leaders).to.deep.equal(["a", "b"]);
    stop.abort();
    await b.cluster.leave();
  });

  it("record what an earlier owner left before they give a claim out, also if that failed at first", async () => {
    const [a, b] = [await join("a"), await join("b")];
    const session = newSession();
    await ledger.sessions.create(session);
    const before = await a.cluster.ownership.claim(session.id);
    if (before.at !== "here") throw new Error("expected to own the session");
    await ledger.turns.begin(newTurn(session), before.claim);
    await a.cluster.leave();
    const recover = b.work.recover.bind(b.work);
    b.work.recover = () => Promise.reject(new Error("the database does not answer"));
    const refused = await b.cluster.ownership.claim(session.id).catch((error: unknown) => error);
    expect(refused).to.be.an("error");
    b.work.recover = recover;
    expect(await b.cluster.ownership.claim(session.id)).to.deep.include({ at: "here" });
    expect(b.work.recovered).to.deep.equal([session.id]);
  });
});
