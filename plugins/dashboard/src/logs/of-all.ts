import type { NodeView } from "@claudeway/core";
import type { Context } from "../access/request.js";
import { askingOf, type Peers } from "../peers.js";
import { IN_LEDGER, isOf, type LogEntry } from "./entries.js";
import { fromCursor, type LogPage, toCursor } from "./page.js";

export interface AllLogs {
  readonly ctx: Context;
  /** The name of this gateway. */
  readonly self: string;
  readonly peers: Pick<Peers, "fetch" | "others" | "away">;
  /** Reads this gateway's files, without what the ledger has; undefined: nothing else is asked for. */
  readonly files: Read | undefined;
  /** Reads lines of turns and approvals, of all gateways; undefined: they are not asked for. */
  readonly ledger: Read | undefined;
}

/** Reads a page before a cursor, or the first one. */
export type Read = (before: string | undefined) => Promise<LogPage>;

/** A part of the log, and its name in the cursor. */
type Part = readonly [name: string, page: LogPage | undefined];

/** In a cursor, where nodes have their names. */
const LEDGER = "";
const NOTHING_LEFT: LogPage = { entries: [], total: 0, read_bytes: 0, before: null, folders: [] };

/**
 * The lines of every gateway, newest first. `before` has the cursor of each. One that did not answer keeps its own, null if
 * it never did, for as long as others have more lines.
 */
export async function logsOfAll({ ctx, self, peers, files, ledger }: AllLogs): Promise<LogPage> {
  const { before } = ctx.query;
  const cursors = typeof before === "string" ? fromCursor(before) : undefined;
  const part = async (name: string, read: Read | undefined): Promise<Part> => {
    if (read === undefined || (cursors !== undefined && cursors[name] === undefined))
      return [name, NOTHING_LEFT];
    const cursor = cursors?.[name];
    return [name, await read(typeof cursor === "string" ? cursor : undefined)];
  };
  const ask = async (node: NodeView): Promise<Part> =>
    part(node.node, (cursor) => askOne(ctx, node, cursor, peers)).catch(() => [node.node, undefined]);
  const others = files === undefined ? [] : await peers.others();
  const parts = await Promise.all([part(LEDGER, ledger), part(self, files), ...others.map(ask)]);
  const away = files === undefined ? [] : await peers.away();
  const missing = [...parts.flatMap(([name, page]) => (page ? [] : [name])), ...away];
  const kept = missing
    .filter((name) => cursors === undefined || Object.hasOwn(cursors, name))
    .map((name) => [name, cursors?.[name] ?? null] as const);
  return { ...joined(parts, kept), missing };
}

function joined(parts: readonly Part[], kept: readonly (readonly [string, unknown])[]): LogPage {
  const answered = parts.flatMap(([name, page]) => (page === undefined ? [] : [{ name, page }]));
  const left = answered.flatMap(({ name, page }) =>
    page.before === null ? [] : [[name, page.before] as const],
  );
  const entries = answered
    .flatMap(({ name, page }) => page.entries.map((entry) => entryOf(entry, name)))
    .sort((one, other) => (one.timestamp < other.timestamp ? 1 : one.timestamp > other.timestamp ? -1 : 0));
  return {
    entries,
    total: entries.length,
    read_bytes: answered.reduce((sum, { page }) => sum + page.read_bytes, 0),
    before: left.length === 0 ? null : toCursor(Object.fromEntries([...left, ...kept])),
    folders: [...new Set(answered.flatMap(({ page }) => page.folders))].sort(),
  };
}

function entryOf(entry: LogEntry, name: string): LogEntry {
  // The ledger's have their node where it is known.
  return { ...entry, id: `${name || "ledger"}/${entry.id}`, ...(name !== LEDGER && { node: name }) };
}

/** Rejects if the node does not answer with a page. */
async function askOne(
  ctx: Context,
  node: NodeView,
  cursor: string | undefined,
  peers: Pick<Peers, "fetch">,
): Promise<LogPage> {
  const query = new URLSearchParams(ctx.querystring);
  query.delete("before");
  if (cursor !== undefined) query.set("before", cursor);
  const response = await peers.fetch(node, askingOf(ctx, `/admin/logs?${query}`));
  const page: unknown = response.ok ? await response.json() : undefined;
  if (!isPage(page)) throw new Error(`node ${node.node} answered ${response.status}`);
  // One of an earlier version answers with all of its lines.
  return { ...page, entries: page.entries.filter((entry) => !isOf(entry, IN_LEDGER)) };
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
