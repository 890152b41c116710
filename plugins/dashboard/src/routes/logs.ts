import { type GatewayControl, Refusal } from "@claudeway/core";
import type Router from "@koa/router";
import type { Context } from "../access/request.js";
import { KINDS, LEVELS, type LogEntry } from "../logs/entries.js";
import { logFolders } from "../logs/files.js";
import { searchLogs } from "../logs/search.js";
import { INSTANT, matching, oneOf, text, wholeNumber } from "../query.js";

const DATE = /^\d{4}-\d{2}(?:-\d{2})?$/;
const MAX_SEARCH = 200;

/** `GET /logs`: lines of a month, newest first, read backwards from the ends of the files. */
export function logRoutes(router: Router, control: GatewayControl): void {
  router.get("/logs", async (ctx) => {
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
      before: cursorIn(ctx),
    });
    const cursor = before === undefined ? null : Buffer.from(JSON.stringify(before)).toString("base64url");
    ctx.body = {
      entries,
      total: entries.length,
      read_bytes: readBytes,
      before: cursor,
      folders,
    } satisfies LogPage;
  });
}

export interface LogPage {
  readonly entries: readonly LogEntry[];
  readonly total: number;
  readonly read_bytes: number;
  /** Cursor of the next page; null if there is none. */
  readonly before: string | null;
  readonly folders: readonly string[];
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

/** The `before` of an earlier response. */
function cursorIn(ctx: Context): Record<string, number> | undefined {
  const given = text(ctx, "before");
  if (given === undefined) return undefined;
  const positions = parse(Buffer.from(given, "base64url").toString());
  if (typeof positions !== "object" || positions === null) {
    throw new Refusal(400, "before must be the value from an earlier response");
  }
  const whole = Object.entries(positions).filter(
    ([, position]) => Number.isSafeInteger(position) && position >= 0,
  );
  return Object.fromEntries(whole);
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
