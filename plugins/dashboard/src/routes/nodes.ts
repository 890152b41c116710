import { type GatewayControl, type NodeView, type PluginPage, Refusal } from "@claudeway/core";
import type Router from "@koa/router";
import type { Context } from "../access/request.js";
import { askingOf, lives, type Peers } from "../peers.js";
import { param } from "../query.js";

/** The gateways of a cluster. */
export const NODES_PAGE: PluginPage = {
  title: "Nodes",
  description:
    "The gateways that share the ledger. A draining node accepts no new sessions and runs empty, for an upgrade or maintenance.",
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
        { title: "Start", field: "incarnation", format: "number" },
        { title: "Joined", field: "joined_at", format: "ago" },
        { title: "Address", field: "url" },
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
  readonly joined_at: string;
  /** `here` for the gateway that answers. */
  readonly here: "here" | null;
}

/** `/nodes`: the gateways of the cluster, and draining them. */
export function nodeRoutes(router: Router, control: GatewayControl, peers: Peers): void {
  router.get("/nodes", async (ctx) => {
    ctx.body = { nodes: ((await control.nodes()) ?? []).map(rowOf) } satisfies { nodes: NodeRow[] };
  });
  router.post("/nodes/:node/drain", (ctx) => setDraining(ctx, { control, peers }, true));
  router.post("/nodes/:node/resume", (ctx) => setDraining(ctx, { control, peers }, false));
}

interface Parts {
  readonly control: GatewayControl;
  readonly peers: Peers;
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

function rowOf({ joinedAt, self, ...node }: NodeView): NodeRow {
  const { node: name, state, version, url, incarnation, running, queued, processes } = node;
  return {
    node: name,
    state,
    version,
    url,
    incarnation,
    running,
    queued,
    processes,
    joined_at: joinedAt,
    here: self ? "here" : null,
  };
}
