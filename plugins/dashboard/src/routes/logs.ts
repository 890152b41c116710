import { type GatewayControl, Refusal } from "@claudeway/core";
import type Router from "@koa/router";
import type { Context } from "../access/request.js";
import { KINDS, LEVELS } from "../logs/entries.js";
import { logFolders } from "../logs/files.js";
import { fromCursor, logsOfAll, toCursor } from "../logs/of-all.js";
import type { LogPage } from "../logs/page.js";
import { searchLogs } from "../logs/search.js";
import type { Peers } from "../peers.js";
import { INSTANT, matching, oneOf, text, wholeNumber } from "../query.js";

const DATE = /^\d{4}-\d{2}(?:-\d{2})?$/;
const MAX_SEARCH = 200;

/**
 * `GET /logs`: lines of a month, newest first, read backwards from the ends of the files; in a cluster, of all gateways.
 */
export function logRoutes(router: Router, control: GatewayControl, peers: Peers): void {
  router.get("/logs", async (ctx) => {
    const own = (before: string | undefined) => ownLogs(ctx, control, before);
    const self = (await peers.asks(ctx)) ? await peers.self() : undefined;
    if (self === undefined) ctx.body = await own(cursorIn(ctx));
    else {
      // Also while no other gateway is up: cursors must stay valid when one leaves or joins.
      const others = await peers.others();
      ctx.body = await logsOfAll({ ctx, self, others, peers }, own);
    }
  });
}

async function ownLogs(
  ctx: Context,
  control: Pick<GatewayControl, "logDir">,
  cursor: string | undefined,
): Promise<LogPage> {
  const folders = (await logFolders(control.logDir)).sort();
  const keyId = text(ctx, "key_id");
  const { entries, readBytes, before } = await searchLogs(control.logDir, {
    // A key without lines has no folder; a name with a path in it matches no folder.
    keyId,
    date: matching(ctx, "date", DATE, "a month or a day, such as 2026-03 or 2026-03-12") ?? thisMonth(),
    after: matching(ctx, "after", INSTANT, "a time in UTC, such as 2026-03-12T10:00:00.000Z"),
    level: oneOf(ctx, "level", LEVELS),
    kind: oneOf(ctx, "kind", KINDS),
    search: searchIn(ctx),
    limit: wholeNumber(ctx, "limit", 100, 1000),
    before: positionsIn(cursor),
  });
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

function cursorIn(ctx: Context): string | undefined {
  return text(ctx, "before");
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
