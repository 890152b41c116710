import { once } from "node:events";
import type { AddressInfo } from "node:net";
import type { Claim, LocalWork, NodeAddress, NodeRecord, Ownership, Place } from "@claudeway/ports";
import Router from "@koa/router";
import Koa from "koa";
import { pino } from "pino";
import { LostAnswers, Passing } from "#cluster/passing/index.js";
import { completedRequests } from "#core/http/access-log.js";
import { boundBodies, jsonBody } from "#core/http/body.js";
import type { GatewayContext, GatewayState } from "#core/http/context.js";
import { errorResponses } from "#core/http/errors.js";
import { passOn, receivePassed } from "#core/http/passing.js";
import { createHttpServer } from "#core/http/server.js";

export const SECRET = "the secret of the cluster";
/** Of this process alone: elsewhere, the port of a node that was closed may be another test's by then. */
const HOST = `127.77.${(process.pid >> 8) & 255}.${process.pid & 255}`;

const LIMITS = {
  body_bytes: 1_000_000,
  file_bytes: 64 * 1024 * 1024,
  connections: 1000,
  header_secs: 20,
  request_secs: 300,
};

/** Where sessions are, for all nodes of a test. */
export class TestCluster {
  readonly owners = new Map<string, string>();
  readonly away = new Set<string>();
  /** Nodes that looked before the sessions moved: what they believe their owner is. */
  readonly late = new Map<string, string>();
  /** Sessions of the key "alice"; all others are of any key. */
  readonly alices = new Set<string>();
  /** What the ledger says of nodes and turns. */
  living: (node: string) => boolean = () => true;
  turns: { has(turnId: string): boolean } = new Set<string>();
  /** Awaited by each look for a session's owner. */
  looks: () => Promise<unknown> = async () => undefined;
  readonly nodes = new Map<string, TestNode>();
  readonly records = new Map<string, NodeRecord>();
  /** Called with each request's id and method as it is reported. */
  readonly reported: { readonly at: string; readonly id: string; readonly node: string | undefined }[] = [];

  async add(name: string, fill: (router: Router<GatewayState>, node: TestNode) => void, secret = SECRET) {
    const node = new TestNode(name, this, secret);
    await node.listen(fill);
    this.nodes.set(name, node);
    this.records.set(name, recordOf(node.address));
    return node;
  }

  others(name: string): NodeRecord[] {
    return [...this.records.values()].filter(({ node }) => node !== name);
  }

  /** The stand-in of what the ledger says. */
  ownershipOf(name: string): Ownership {
    const place = (sessionId: string): Place | undefined => {
      const owner = this.late.get(name) ?? this.owners.get(sessionId);
      if (owner === undefined) return undefined;
      if (owner === name) return { at: "here", claim: claimOf(sessionId) };
      const node = this.records.get(owner);
      return node === undefined || this.away.has(owner)
        ? { at: "away", node: owner }
        : { at: "elsewhere", node };
    };
    const ownership = ownershipFrom({ name, owners: this.owners, place, claimOf });
    const find = async (sessionId: string) => {
      await this.looks();
      return place(sessionId);
    };
    return { ...ownership, find };
  }

  async close(): Promise<void> {
    for (const node of this.nodes.values()) await node.close();
  }
}

/** The chain of a gateway, as far as passing on concerns it, on a port of its own. */
export class TestNode {
  readonly passing: Passing;
  readonly logged: string[] = [];
  /** What the routes of this node saw. */
  readonly seen: { readonly keyId: string | undefined; readonly headers: GatewayContext["headers"] }[] = [];
  load = { running: 0, queued: 0, maxRunning: 10 };
  carriedOut: Parameters<LocalWork["carryOut"]>[] = [];
  isBusy = false;
  /** Runs before each route. */
  interrupts: ((ctx: GatewayContext) => Promise<void>) | undefined;
  incarnation = 1;
  url = "";
  #close: () => Promise<void> = async () => undefined;

  constructor(
    readonly name: string,
    private readonly cluster: TestCluster,
    secret: string,
  ) {
    this.passing = new Passing({
      secret,
      ownership: cluster.ownershipOf(name),
      self: () => ({ node: name, incarnation: this.incarnation }),
      others: () => cluster.others(name),
      lostAnswers: new LostAnswers({
        lives: async ({ node }) => cluster.living(node),
        hasTurn: async (turnId) => cluster.turns.has(turnId),
      }),
      isOf: async (sessionId, keyId) => keyId === "alice" || !cluster.alices.has(sessionId),
    });
    this.passing.serve({
      load: () => this.load,
      carryOut: async (...order) => {
        this.carriedOut.push(order);
        return !this.isBusy;
      },
    });
  }

  get address(): NodeAddress {
    return { node: this.name, incarnation: this.incarnation, url: this.url };
  }

  async listen(fill: (router: Router<GatewayState>, node: TestNode) => void): Promise<void> {
    const log = pino({ level: "debug" }, { write: (line: string) => void this.logged.push(line) });
    const routes = new Router<GatewayState>();
    const raw = new Router<GatewayState>();
    fill(routes, this);
    raw.put("/session/:id/unread/x", () => new Promise(() => undefined));
    raw.put("/session/:id/files/*path", async (ctx) => {
      let size = 0;
      for await (const chunk of ctx.req) size += chunk.length;
      ctx.body = { size, at: this.name };
    });
    const app = new Koa<GatewayState>();
    app.on("error", () => undefined);
    app.use(completedRequests(this.#reports()));
    app.use(errorResponses(log));
    app.use(receivePassed(this.passing));
    app.use((ctx, next) => {
      ctx.state.destination = { to: "gateway", access: "key" };
      ctx.state.caller = ctx.state.passed?.caller ?? { keyId: ctx.get("authorization"), admin: false };
      return next();
    });
    app.use(boundBodies(() => ({ limitBytes: LIMITS.file_bytes })));
    app.use(passOn(this.passing, routes));
    app.use((ctx, next) => {
      this.seen.push({ keyId: ctx.state.caller?.keyId, headers: { ...ctx.headers } });
      return next();
    });
    app.use(raw.routes());
    app.use(jsonBody());
    app.use(async (ctx, next) => {
      await this.interrupts?.(ctx);
      return next();
    });
    app.use(routes.routes());
    const server = createHttpServer({ request: app.callback() }, LIMITS);
    server.listen(0, HOST);
    await once(server, "listening");
    this.url = `http://${HOST}:${portOf(server.address())}`;
    this.#close = async () => {
      this.passing.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    };
  }

  #reports(): Parameters<typeof completedRequests>[0] {
    const notify = (_hook: string, { id, node }: { readonly id: string; readonly node?: string }) => {
      this.cluster.reported.push({ at: this.name, id, node });
    };
    const parts = {
      kernel: { hooks: { requestCompleted: { isUsed: () => true } }, notify },
      audit: { request: () => undefined, refused: () => undefined },
      addresses: { of: () => "203.0.113.7" },
    };
    // What the middleware uses of a kernel, an audit log and the addresses.
    return parts as unknown as Parameters<typeof completedRequests>[0];
  }

  async close(): Promise<void> {
    await this.#close();
  }
}

function recordOf(address: NodeAddress): NodeRecord {
  const load = { running: 0, queued: 0, processes: 0 };
  const more = { configDigest: "", version: "0.1.0", beat: 1, state: "up", joinedAt: "" } as const;
  return { ...address, ...load, ...more };
}

function claimOf(sessionId: string): Claim {
  return { sessionId, epoch: 1, lost: new AbortController().signal };
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return address.port;
}

export interface OwnershipParts<Name extends string> {
  readonly name: Name;
  /** Whose the sessions are; the first node that claims one gets it. */
  readonly owners: Map<string, Name>;
  readonly place: (sessionId: string) => Place | undefined;
  readonly claimOf: (sessionId: string) => Claim;
}

/** The ownership of a node whose sessions are in a map. */
export function ownershipFrom<Name extends string>({
  name,
  owners,
  place,
  claimOf,
}: OwnershipParts<Name>): Ownership {
  return {
    owner: undefined,
    claim: async (sessionId) => {
      if (!owners.has(sessionId)) owners.set(sessionId, name);
      return place(sessionId) ?? { at: "here", claim: claimOf(sessionId) };
    },
    held: (sessionId) => (owners.get(sessionId) === name ? claimOf(sessionId) : undefined),
    created: claimOf,
    find: async (sessionId) => place(sessionId),
    release: async ({ sessionId }) => void owners.delete(sessionId),
    fenced: new AbortController().signal,
  };
}
