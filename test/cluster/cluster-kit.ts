import type { Ledger, NodeRecord, TurnRecord } from "@claudeway/ports";
import { pino } from "pino";
import { GatewayCluster } from "#cluster/index.js";
import type { NodeWork } from "#cluster/node-work.js";
import { MemoryBook, SharedMemory } from "./memory-book.js";
import { type Machine, World } from "./world.js";

export const LEASE_SECS = 30;

/** What a gateway would do for its node, noted. */
export class NotedWork implements NodeWork {
  stops = 0;
  stopped: Promise<void> = Promise.resolve();
  leftMs = 0;
  readonly busy = new Set<string>();
  readonly running = new Set<string>();
  readonly lost: string[] = [];
  readonly resumed: string[] = [];
  readonly recovered: string[] = [];
  readonly letGone: string[] = [];
  readonly unsaved = new Set<string>();

  load() {
    return { running: this.running.size, queued: 0, processes: this.busy.size };
  }

  isBusy(sessionId: string): boolean {
    return this.busy.has(sessionId);
  }

  async letGo(sessionId: string): Promise<boolean> {
    this.letGone.push(sessionId);
    return !this.unsaved.has(sessionId);
  }

  isRunning(turnId: string): boolean {
    return this.running.has(turnId);
  }

  async recordLost(turns: readonly TurnRecord[]): Promise<void> {
    this.lost.push(...turns.map(({ id }) => id));
  }

  async recover(sessionId: string): Promise<void> {
    this.recovered.push(sessionId);
  }

  async goOn(turnId: string): Promise<void> {
    this.resumed.push(turnId);
  }

  mayWork(leftMs: number): void {
    this.leftMs = leftMs;
  }

  stop(): Promise<void> {
    this.stops++;
    return this.stopped;
  }
}

/** A gateway of a test's cluster. */
export interface TestNode {
  readonly name: string;
  readonly machine: Machine;
  readonly book: MemoryBook;
  readonly cluster: GatewayCluster;
  readonly work: NotedWork;
  /** The lines of its log. */
  readonly lines: string[];
}

/** Several nodes on one memory, in a world whose time only the test moves. */
export class TestCluster {
  readonly world = new World();
  readonly shared = new SharedMemory();

  node(name: string, { configDigest = "keys=1" }: { readonly configDigest?: string } = {}): TestNode {
    const machine = this.world.machine();
    const book = new MemoryBook(this.shared);
    const lines: string[] = [];
    const log = pino({ level: "debug" }, { write: (line: string) => void lines.push(line) });
    const cluster = new GatewayCluster({
      ledger: NO_LEDGER,
      book,
      ownTurns: (of) => book.ownTurns(of),
      self: { node: name, url: `http://${name}:3000`, configDigest, version: "1" },
      digestAfter: ({ plugins }) => ["keys=1", ...plugins.map((name) => `plugins.${name}=1`)].join(" "),
      leaseSecs: LEASE_SECS,
      sharedWorkdirs: undefined,
      secret: "shared-by-all-nodes",
      log,
      clock: machine,
    });
    return { name, machine, book, cluster, work: new NotedWork(), lines };
  }

  async joined(...names: readonly string[]): Promise<TestNode[]> {
    const nodes = names.map((name) => this.node(name));
    for (const { cluster, work } of nodes) await cluster.begin(work);
    return nodes;
  }

  session(id: string, pinnedTo?: string): string {
    this.shared.sessions.set(id, {
      owner: undefined,
      epoch: 0,
      ...(pinnedTo !== undefined && { pinnedTo }),
    });
    return id;
  }

  record(name: string): NodeRecord {
    const record = this.shared.nodes.get(name);
    if (record === undefined) throw new Error(`no node ${name}`);
    return record;
  }
}

/** Nothing here reads it. */
const NO_LEDGER: Ledger = Object.create(null);
