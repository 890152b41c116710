import {
  type GatewayControl,
  type LedgerView,
  type NodeView,
  type NodeWorkload,
  type PluginPage,
  Refusal,
} from "@claudeway/core";
import type Router from "@koa/router";
import type { Context } from "../access/request.js";
import { askingOf, lives, type Peers } from "../peers.js";
import { param } from "../query.js";

/** The gateways of a cluster. */
export const NODES_PAGE: PluginPage = {
  title: "Nodes",
  description:
    "The gateways that share the ledger. Waiting: calls that wait for a person; taken over: sessions that came from another node in the last 24 hours. A draining node accepts no new sessions and runs empty, for an upgrade or maintenance.",
  parts: [
    {
      type: "table",
      title: "Nodes",
      source: "/admin/nodes",
      rows: "nodes",
      columns: [
        { title: "Node", field: "node" },
        { title: "State", field: "state" },
        { title: "Version", field: "version" },
        { title: "Running", field: "running", format: "number" },
        { title: "Queued", field: "queued", format: "number" },
        { title: "Processes", field: "processes", format: "number" },
        { title: "Sessions", field: "sessions", format: "number" },
        { title: "Waiting", field: "waiting", format: "number" },
        { title: "Parked", field: "parked", format: "number" },
        { title: "Taken over", field: "taken_over", format: "number" },
        { title: "This page", field: "here", missing: "" },
      ],
      actions: [
        {
          label: "Drain",
          method: "POST",
          path: "/admin/nodes/{node}/drain",
          question: "The node accepts no new sessions. Running turns end as usual.",
          when: { field: "state", values: ["up"] },
        },
        {
          label: "Take work again",
          method: "POST",
          path: "/admin/nodes/{node}/resume",
          when: { field: "state", values: ["draining"] },
        },
      ],
    },
  ],
};

export interface NodeRow extends Pick<NodeView, "node" | "state" | "version" | "url" | "incarnation"> {
  readonly running: number;
  readonly queued: number;
  readonly processes: number;
  /** Sessions that it has. */
  readonly sessions: number;
  /** Calls of its running turns that wait for a person. */
  readonly waiting: number;
  /** Turns that parked there, and wait for a person or a usage limit. */
  readonly parked: number;
  /** Sessions that came from another node with a turn of the last 24 hours. */
  readonly taken_over: number;
  readonly joined_at: string;
  /** `here` for the gateway that answers. */
  readonly here: "here" | null;
}

/** `/nodes`: the gateways of the cluster, and draining them. */
export function nodeRoutes(router: Router, { ledger, ...parts }: NodeParts): void {
  const workload = remembered(() => ledger.workload(new Date(Date.now() - TAKEN_MS).toISOString()));
  router.get("/nodes", async (ctx) => {
    const nodes = await parts.control.nodes();
    const work = nodes === undefined ? [] : await workload();
    ctx.body = { nodes: (nodes ?? []).map((node) => rowOf(node, work)) } satisfies { nodes: NodeRow[] };
  });
  router.post("/nodes/:node/drain", (ctx) => setDraining(ctx, parts, true));
  router.post("/nodes/:node/resume", (ctx) => setDraining(ctx, parts, false));
}

interface Parts {
  readonly control: GatewayControl;
  readonly peers: Peers;
}

export interface NodeParts extends Parts {
  readonly ledger: Pick<LedgerView, "workload">;
}

/** In how much time takeovers are counted. */
const TAKEN_MS = 24 * 3_600_000;
/** How long counts of the ledger are shown: pages ask again and again. */
const REMEMBERED_MS = 5000;

function remembered<T>(read: () => Promise<T>): () => Promise<T> {
  let last: { readonly at: number; readonly value: Promise<T> } | undefined;
  return () => {
    const now = performance.now();
    if (last !== undefined && now - last.at < REMEMBERED_MS) return last.value;
    const value = read();
    last = { at: now, value };
    value.catch(() => {
      last = undefined;
    });
    return value;
  };
}

/** Each gateway drains itself: another one is asked to. */
async function setDraining(ctx: Context, { control, peers }: Parts, draining: boolean): Promise<void> {
  const { self, ...node } = await find(control, param(ctx, "node"));
  if (self) {
    await control.drain(node.node, draining).catch((error: unknown) => {
      throw new Refusal(409, error instanceof Error ? error.message : String(error));
    });
  } else {
    const asked = peers.fetch(node, askingOf(ctx), { method: "POST", body: "{}" });
    const response = await asked.catch(() => undefined);
    if (response?.ok !== true) throw new Refusal(409, `node ${node.node} ${answerOf(response)}`);
  }
  ctx.body = { node: node.node, draining };
}

async function find(control: GatewayControl, name: string): Promise<NodeView> {
  const nodes = (await control.nodes()) ?? [];
  const node = nodes.find((one) => one.node === name && lives(one));
  if (node !== undefined) return node;
  const known = nodes.filter(lives);
  const names = known.map((one) => one.node).join(", ") || "none: this gateway is alone";
  throw new Refusal(404, `unknown node ${JSON.stringify(name)}; living nodes: ${names}`);
}

function answerOf(response: Response | undefined): string {
  return response === undefined ? "did not answer" : `answered ${response.status}`;
}

const NOTHING = { sessions: 0, waiting: 0, parked: 0, takenOver: 0 };

function rowOf({ joinedAt, self, ...node }: NodeView, work: readonly NodeWorkload[]): NodeRow {
  const { node: name, state, version, url, incarnation, running, queued, processes } = node;
  const { takenOver: taken_over, ...has } = work.find((one) => one.node === name) ?? NOTHING;
  const { sessions, waiting, parked } = has;
  return {
    node: name,
    state,
    version,
    url,
    incarnation,
    // Of a node that does not live, they are what it said last.
    ...(lives(node) ? { running, queued, processes } : { running: 0, queued: 0, processes: 0 }),
    sessions,
    waiting,
    parked,
    taken_over,
    joined_at: joinedAt,
    here: self ? "here" : null,
  };
}
