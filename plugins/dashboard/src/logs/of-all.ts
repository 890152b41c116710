import { type NodeView, Refusal } from "@claudeway/core";
import type { Context } from "../access/request.js";
import { askingOf, type Peers } from "../peers.js";
import type { LogPage } from "./page.js";

export interface AllLogs {
  readonly ctx: Context;
  /** The name of this gateway. */
  readonly self: string;
  readonly others: readonly NodeView[];
  readonly peers: Pick<Peers, "fetch">;
}

/** The lines of every gateway, newest first. `before` has the cursor of each. */
export async function logsOfAll(
  { ctx, self, others, peers }: AllLogs,
  own: (before: string | undefined) => Promise<LogPage>,
): Promise<LogPage> {
  const { before } = ctx.query;
  const cursors = typeof before === "string" ? fromCursor(before) : undefined;
  const cursorOf = (node: string) => (cursors === undefined ? undefined : (cursors[node] ?? null));
  const ask = async (node: NodeView): Promise<[string, LogPage | undefined]> => [
    node.node,
    await askOne(ctx, node, cursorOf(node.node), peers).catch(() => undefined),
  ];
  const pages = await Promise.all([ownPage(self, cursorOf(self), own), ...others.map(ask)]);
  const answered = pages.flatMap(([node, page]) => (page === undefined ? [] : [{ node, page }]));
  const left = answered.flatMap(({ node, page }) =>
    page.before === null ? [] : [[node, page.before] as const],
  );
  const entries = answered
    .flatMap(({ node, page }) => page.entries.map((entry) => ({ ...entry, id: `${node}/${entry.id}`, node })))
    .sort((one, other) => (one.timestamp < other.timestamp ? 1 : one.timestamp > other.timestamp ? -1 : 0));
  return {
    entries,
    total: entries.length,
    read_bytes: answered.reduce((sum, { page }) => sum + page.read_bytes, 0),
    before: left.length === 0 ? null : toCursor(Object.fromEntries(left)),
    folders: [...new Set(answered.flatMap(({ page }) => page.folders))].sort(),
    missing: pages.flatMap(([node, page]) => (page === undefined ? [node] : [])),
  };
}

const NOTHING_LEFT: LogPage = { entries: [], total: 0, read_bytes: 0, before: null, folders: [] };

async function ownPage(
  self: string,
  cursor: unknown,
  own: (before: string | undefined) => Promise<LogPage>,
): Promise<[string, LogPage]> {
  return [self, cursor === null ? NOTHING_LEFT : await own(typeof cursor === "string" ? cursor : undefined)];
}

async function askOne(
  ctx: Context,
  node: NodeView,
  cursor: unknown,
  peers: Pick<Peers, "fetch">,
): Promise<LogPage | undefined> {
  if (cursor === null) return NOTHING_LEFT;
  const query = new URLSearchParams(ctx.querystring);
  query.delete("before");
  if (typeof cursor === "string") query.set("before", cursor);
  const response = await peers.fetch(node, askingOf(ctx, `/admin/logs?${query}`));
  if (!response.ok) return undefined;
  const page: unknown = await response.json();
  return isPage(page) ? page : undefined;
}

function isPage(value: unknown): value is LogPage {
  return (
    typeof value === "object" &&
    value !== null &&
    "entries" in value &&
    Array.isArray(value.entries) &&
    "folders" in value &&
    Array.isArray(value.folders) &&
    "before" in value &&
    (value.before === null || typeof value.before === "string")
  );
}

export function toCursor(positions: Readonly<Record<string, number | string>>): string {
  return Buffer.from(JSON.stringify(positions)).toString("base64url");
}

/** What an earlier response gave as `before`. Throws a `Refusal` for anything else. */
export function fromCursor(cursor: string): Readonly<Record<string, unknown>> {
  const positions = parse(Buffer.from(cursor, "base64url").toString());
  if (typeof positions !== "object" || positions === null)
    throw new Refusal(400, "before must be the value from an earlier response");
  return { ...positions };
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
