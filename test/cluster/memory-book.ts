import type {
  ClaimOutcome,
  JoinedNode,
  NewNode,
  NodeBook,
  NodeLoad,
  NodeRecord,
  NodeStart,
  SeenBeat,
  TurnRecord,
} from "@claudeway/ports";
import { NO_USAGE } from "#core/turns/usage.js";

interface Owned {
  owner: NodeStart | undefined;
  epoch: number;
  pinnedTo?: string;
}

/** What nodes share, in memory. */
export class SharedMemory {
  readonly nodes = new Map<string, NodeRecord>();
  readonly sessions = new Map<string, Owned>();
  readonly leads = new Map<string, NodeStart>();
  readonly secrets = new Map<string, Buffer>();
  readonly buried: SeenBeat[] = [];
  /** Open turns that are not parked, by the start that runs them. */
  readonly running: { id: string; sessionId: string; start: NodeStart }[] = [];
  readonly decided: { id: string; sessionId: string }[] = [];
  incarnation = 0;

  lives({ node, incarnation }: NodeStart): boolean {
    const record = this.nodes.get(node);
    return record?.incarnation === incarnation && (record.state === "up" || record.state === "draining");
  }

  free({ node, incarnation }: NodeStart): void {
    for (const session of this.sessions.values()) {
      if (session.owner?.node !== node || session.owner.incarnation !== incarnation) continue;
      session.owner = undefined;
      session.epoch++;
    }
  }
}

/** One node's way to the shared memory, which can be cut. */
export class MemoryBook implements NodeBook {
  /** `rejects`: as when a connection is refused; `hangs`: as when packets are dropped. */
  fault: "rejects" | "hangs" | undefined;

  constructor(readonly shared: SharedMemory) {}

  async #reach(): Promise<void> {
    if (this.fault === "rejects") throw new Error("the database does not answer");
    if (this.fault === "hangs") await new Promise(() => undefined);
  }

  async join({ node, url, configDigest, version }: NewNode): Promise<JoinedNode> {
    await this.#reach();
    const earlier = this.shared.nodes.get(node);
    if (earlier !== undefined) this.shared.free(earlier);
    const incarnation = ++this.shared.incarnation;
    const load = { running: 0, queued: 0, processes: 0 };
    const joinedAt = new Date(0).toISOString();
    this.shared.nodes.set(node, {
      node,
      url,
      configDigest,
      version,
      incarnation,
      beat: 0,
      state: "up",
      joinedAt,
      ...load,
    });
    return { node, incarnation, afterCrash: earlier !== undefined && earlier.state !== "left" };
  }

  async beat(
    of: NodeStart,
    load: NodeLoad,
    state: "up" | "draining",
    configDigest: string,
  ): Promise<boolean> {
    await this.#reach();
    const record = this.shared.nodes.get(of.node);
    if (record === undefined || !this.shared.lives(of)) return false;
    this.shared.nodes.set(of.node, { ...record, ...load, state, configDigest, beat: record.beat + 1 });
    return true;
  }

  async list(): Promise<readonly NodeRecord[]> {
    await this.#reach();
    return [...this.shared.nodes.values()];
  }

  async bury(seen: SeenBeat): Promise<boolean> {
    await this.#reach();
    const record = this.shared.nodes.get(seen.node);
    if (record?.beat !== seen.beat || !this.shared.lives(seen)) return false;
    this.shared.nodes.set(seen.node, { ...record, state: "dead" });
    this.shared.buried.push(seen);
    this.shared.free(seen);
    return true;
  }

  async leave(of: NodeStart): Promise<void> {
    await this.#reach();
    const record = this.shared.nodes.get(of.node);
    if (record !== undefined && this.shared.lives(of))
      this.shared.nodes.set(of.node, { ...record, state: "left" });
    this.shared.free(of);
  }

  async claim(by: NodeStart, sessionId: string): Promise<ClaimOutcome> {
    await this.#reach();
    if (!this.shared.lives(by)) return "fenced";
    const session = this.shared.sessions.get(sessionId);
    if (session === undefined) return "unknown session";
    if (session.pinnedTo !== undefined && session.pinnedTo !== by.node) return { pinnedTo: session.pinnedTo };
    const { owner } = session;
    if (owner !== undefined && owner.node !== by.node) {
      return { owner: { ...owner, url: this.shared.nodes.get(owner.node)?.url ?? "" } };
    }
    if (owner !== undefined) return { epoch: session.epoch };
    session.owner = by;
    session.epoch++;
    const left = this.shared.running.some((turn) => turn.sessionId === sessionId);
    return { epoch: session.epoch, ...(left && { left }) };
  }

  async owner(sessionId: string) {
    await this.#reach();
    const owner = this.shared.sessions.get(sessionId)?.owner;
    return owner && { ...owner, url: this.shared.nodes.get(owner.node)?.url ?? "" };
  }

  async release(_by: NodeStart, sessionId: string, epoch: number): Promise<boolean> {
    await this.#reach();
    const session = this.shared.sessions.get(sessionId);
    if (session?.epoch !== epoch) return false;
    session.owner = undefined;
    session.epoch++;
    return true;
  }

  async lostTurns(): Promise<readonly TurnRecord[]> {
    await this.#reach();
    return this.shared.running.filter(({ start }) => !this.shared.lives(start)).map(turnOf);
  }

  /** Not of the interface: the ledger's own turns. */
  async ownTurns(of: NodeStart): Promise<readonly TurnRecord[]> {
    await this.#reach();
    return this.shared.running
      .filter(({ start }) => start.node === of.node && start.incarnation === of.incarnation)
      .map(turnOf);
  }

  async resumable(by: NodeStart): Promise<readonly TurnRecord[]> {
    await this.#reach();
    return this.shared.decided
      .filter(({ sessionId }) => {
        const owner = this.shared.sessions.get(sessionId)?.owner;
        return owner === undefined || owner.node === by.node;
      })
      .map(turnOf);
  }

  async workload(): Promise<[]> {
    return [];
  }

  async secret(name: string, made: Buffer): Promise<Buffer> {
    await this.#reach();
    const secret = this.shared.secrets.get(name) ?? made;
    this.shared.secrets.set(name, secret);
    return secret;
  }

  async lead(by: NodeStart, name: string): Promise<boolean> {
    await this.#reach();
    const leader = this.shared.leads.get(name);
    if (leader !== undefined && leader.node !== by.node && this.shared.lives(leader)) return false;
    this.shared.leads.set(name, by);
    return this.shared.lives(by);
  }

  async unlead(_by: NodeStart, name: string): Promise<void> {
    await this.#reach();
    this.shared.leads.delete(name);
  }
}

function turnOf({ id, sessionId }: { id: string; sessionId: string }): TurnRecord {
  return {
    id,
    sessionId,
    keyId: "k",
    kind: "session",
    createdAt: new Date(0).toISOString(),
    route: "/session",
    model: "sonnet",
    prompt: { bytes: 0, sha256: "" },
    process: undefined,
    usage: NO_USAGE,
    ended: undefined,
    parked: undefined,
  };
}
