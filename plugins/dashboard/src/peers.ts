import type { GatewayControl, NodeView, SessionsView } from "@claudeway/core";
import type { Context } from "./access/request.js";
import { param } from "./query.js";

/** The header of a request from another gateway's dashboard, which asks each gateway for its own part. */
const ASKED = "x-claudeway-peer";
/** Headers with the credentials of the caller, who is the admin at every gateway of a cluster. */
const CREDENTIALS = ["cookie", "authorization", "x-api-key"];
const TIMEOUT_MS = 5000;

/** The address and the caller of a request that other gateways answer a part of. */
export interface Asking {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The other gateways of the cluster: they answer the admin with what only they know. */
export class Peers {
  constructor(
    private readonly control: Pick<GatewayControl, "nodes">,
    private readonly sessions: Pick<SessionsView, "node">,
  ) {}

  /** The other living gateways; empty on a single machine. */
  async others(): Promise<readonly NodeView[]> {
    const nodes = (await this.control.nodes()) ?? [];
    return nodes.filter((node) => !node.self && lives(node));
  }

  /** The names of the gateways that do not live. */
  async away(): Promise<readonly string[]> {
    const nodes = (await this.control.nodes()) ?? [];
    return nodes.filter((node) => !node.self && !lives(node)).map(({ node }) => node);
  }

  /** Whether this gateway has to ask others, now or later: not on a single machine, and not if another one asks. */
  async asks(ctx: Context): Promise<boolean> {
    return !isOfPeer(ctx) && (await this.self()) !== undefined;
  }

  /** The name of this gateway; undefined on a single machine. */
  async self(): Promise<string | undefined> {
    return (await this.control.nodes())?.find(({ self }) => self)?.node;
  }

  /**
   * What the gateway that has a session answers to this request, or to one for another path: it knows more of its turns.
   * Undefined: this gateway has to answer, also for one that does not do so in time.
   */
  async answerFor(sessionId: string, ctx: Context, path?: string): Promise<object | undefined> {
    if (isOfPeer(ctx)) return undefined;
    const name = await this.sessions.node(sessionId);
    const node = name === undefined ? undefined : (await this.others()).find((other) => other.node === name);
    if (node === undefined) return undefined;
    try {
      const response = await this.fetch(node, askingOf(ctx, path));
      const answer: unknown = response.ok ? await response.json() : undefined;
      return typeof answer === "object" && answer !== null ? answer : undefined;
    } catch {
      return undefined;
    }
  }

  /** Asks another gateway in the caller's name. Rejects if it does not answer in time. */
  fetch(
    { url }: Pick<NodeView, "url">,
    { path, headers }: Asking,
    init: Pick<RequestInit, "method" | "body" | "signal"> = {},
  ): Promise<Response> {
    const signal = init.signal ?? AbortSignal.timeout(TIMEOUT_MS);
    const type = init.body === undefined ? {} : { "content-type": "application/json" };
    return fetch(`${url.replace(/\/$/, "")}${path}`, {
      ...init,
      headers: { ...headers, ...type, [ASKED]: "1" },
      redirect: "error",
      signal,
    });
  }
}

/** Middleware of routes about the session `id`: lets the gateway that has it answer. */
export function answeredAtItsNode(peers: Pick<Peers, "answerFor">) {
  return async (ctx: Context, next: () => Promise<unknown>): Promise<void> => {
    const answer = await peers.answerFor(param(ctx, "id"), ctx);
    if (answer === undefined) await next();
    else ctx.body = answer;
  };
}

export function lives({ state }: Pick<NodeView, "state">): boolean {
  return state === "up" || state === "draining";
}

/** Whether another gateway asks for this one's part. */
export function isOfPeer(ctx: Context): boolean {
  return ctx.get(ASKED) !== "";
}

/** The same request to other gateways, with the caller's credentials. */
export function askingOf(ctx: Context, path = ctx.originalUrl): Asking {
  const given = CREDENTIALS.map((name) => [name, ctx.get(name)] as const).filter(([, value]) => value !== "");
  return { path, headers: Object.fromEntries(given) };
}
