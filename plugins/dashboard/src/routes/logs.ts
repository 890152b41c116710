import { type GatewayControl, type LedgerView, Refusal } from "@claudeway/core";
import type Router from "@koa/router";
import type { Context } from "../access/request.js";
import { IN_LEDGER, KINDS, LEVELS } from "../logs/entries.js";
import { logFolders } from "../logs/files.js";
import { logsOfAll } from "../logs/of-all.js";
import { logsOfLedger } from "../logs/of-ledger.js";
import { fromCursor, type LogAnswer, type LogPage, toCursor } from "../logs/page.js";
import { type LogQuery, searchLogs } from "../logs/search.js";
import { isOfPeer, type Peers } from "../peers.js";
import { INSTANT, matching, oneOf, text, wholeNumber } from "../query.js";

const DATE = /^\d{4}-\d{2}(?:-\d{2})?$/;
const MAX_SEARCH = 200;

export interface LogParts {
  readonly control: Pick<GatewayControl, "logDir">;
  readonly ledger: Pick<LedgerView, "auditLines" | "byKey">;
  readonly peers: Peers;
}

/**
 * `GET /logs`: lines of a month, newest first, read backwards from the ends of the files; in a cluster, of all gateways, with
 * those of turns and approvals from the ledger.
 */
export function logRoutes(router: Router, { control, ledger, peers }: LogParts): void {
  router.get("/logs", async (ctx) => {
    const query = queryOf(ctx);
    const at = new Date().toISOString();
    const self = await peers.self();
    const files = (before: string | undefined) =>
      logsOfFiles(control, { ...query, ...(self !== undefined && { without: IN_LEDGER }) }, before);
    // In a cluster also while no other gateway is up: cursors must stay valid when one leaves or joins.
    const page =
      self === undefined || isOfPeer(ctx)
        ? await files(text(ctx, "before"))
        : await logsOfAll({
            ctx,
            self,
            peers,
            files: isLedgerOnly(query) ? undefined : files,
            ledger: query.kind === "request" ? undefined : (before) => logsOfLedger(ledger, query, before),
          });
    ctx.body = { ...page, at } satisfies LogAnswer;
  });
}

function isLedgerOnly({ kind }: Pick<LogQuery, "kind">): boolean {
  return IN_LEDGER.some((one) => one === kind);
}

function queryOf(ctx: Context): Omit<LogQuery, "before"> {
  return {
    // A key without lines has no folder; a name with a path in it matches no folder.
    keyId: text(ctx, "key_id"),
    date: matching(ctx, "date", DATE, "a month or a day, such as 2026-03 or 2026-03-12") ?? thisMonth(),
    after: matching(ctx, "after", INSTANT, "a time in UTC, such as 2026-03-12T10:00:00.000Z"),
    level: oneOf(ctx, "level", LEVELS),
    kind: oneOf(ctx, "kind", KINDS),
    search: searchIn(ctx),
    limit: wholeNumber(ctx, "limit", 100, 1000),
  };
}

async function logsOfFiles(
  { logDir }: Pick<GatewayControl, "logDir">,
  query: Omit<LogQuery, "before">,
  cursor: string | undefined,
): Promise<LogPage> {
  const folders = (await logFolders(logDir)).sort();
  const { entries, readBytes, before } = await searchLogs(logDir, { ...query, before: positionsIn(cursor) });
  return {
    entries,
    total: entries.length,
    read_bytes: readBytes,
    before: before === undefined ? null : toCursor(before),
    folders,
  };
}

function thisMonth(): string {
  return new Date().toISOString().slice(0, 7);
}

function searchIn(ctx: Context): string | undefined {
  const search = text(ctx, "search");
  if (search !== undefined && search.length > MAX_SEARCH) {
    throw new Refusal(400, `search must be at most ${MAX_SEARCH} characters, got ${search.length}`);
  }
  return search;
}

/** The positions in the `before` of an earlier response. */
function positionsIn(cursor: string | undefined): Record<string, number> | undefined {
  if (cursor === undefined) return undefined;
  const whole = Object.entries(fromCursor(cursor)).flatMap(([folder, position]) =>
    typeof position === "number" && Number.isSafeInteger(position) && position >= 0
      ? [[folder, position] as const]
      : [],
  );
  return Object.fromEntries(whole);
}
