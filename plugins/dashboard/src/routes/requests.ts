import {
  type Approvals,
  type LedgerView,
  Refusal,
  type TurnEnd,
  type TurnQuery,
  type TurnRecord,
} from "@claudeway/core";
import type Router from "@koa/router";
import type { Context } from "../access/request.js";
import type { LatestPrompts } from "../live/prompts.js";
import { allMatching, INSTANT, matching, oneOf, text, wholeNumber } from "../query.js";
import { turnView, waitingIn } from "./views.js";

const STATES = [
  "open",
  "completed",
  "failed",
  "refused",
  "interrupted",
  "timeout",
  "lost",
] as const satisfies readonly (TurnEnd | "open")[];
const KINDS = ["session", "task"] as const;
const MAX_TEXT = 200;
/** Characters of a prompt and an answer in the list. */
const SHOWN_CHARS = 160;
/** A name, then `=`, then a value, as in metadata. */
const PAIR = /^[^=]{1,64}=.{0,512}$/s;

export interface RequestParts {
  readonly ledger: LedgerView;
  readonly prompts: LatestPrompts;
  readonly approvals: Approvals;
}

/** `GET /requests`: turns and tasks of all keys in one list, with filters. */
export function requestRoutes(router: Router, parts: RequestParts): void {
  router.get("/requests", async (ctx) => {
    const { turns, before } = await parts.ledger.turns(queryIn(ctx));
    const { turnIds } = await waitingIn(parts.approvals);
    const views = await Promise.all(turns.map((turn) => requestView(turn, turnIds.has(turn.id), parts)));
    ctx.body = { turns: views, before: before ?? null } satisfies RequestPage;
  });
}

async function requestView(turn: TurnRecord, waits: boolean, { ledger, prompts }: RequestParts) {
  const response = await ledger.response(turn.id);
  return {
    ...turnView(turn, waits),
    metadata: turn.metadata ?? {},
    prompt: prompts.of(turn.id)?.text.slice(0, SHOWN_CHARS) ?? null,
    result: response === undefined ? null : (response.error ?? response.result).slice(0, SHOWN_CHARS),
  };
}

export type RequestView = Awaited<ReturnType<typeof requestView>>;

export interface RequestPage {
  readonly turns: readonly RequestView[];
  /** Cursor of older turns; null if there are none. */
  readonly before: number | null;
}

function queryIn(ctx: Context): TurnQuery {
  return {
    keyId: text(ctx, "key_id"),
    model: text(ctx, "model"),
    kind: oneOf(ctx, "kind", KINDS),
    end: oneOf(ctx, "state", STATES),
    minCostUsd: number(ctx, "min_cost_usd"),
    minDurationMs: number(ctx, "min_duration_ms"),
    since: matching(ctx, "since", INSTANT, "a time in UTC, such as 2026-03-12T10:00:00.000Z"),
    until: matching(ctx, "until", INSTANT, "a time in UTC, such as 2026-03-12T10:00:00.000Z"),
    metadata: metadataIn(ctx),
    text: shortText(ctx),
    before: text(ctx, "before") === undefined ? undefined : wholeNumber(ctx, "before", 1, 999_999_999),
    limit: wholeNumber(ctx, "limit", 50, 200),
  };
}

function number(ctx: Context, name: string): number | undefined {
  const given = matching(ctx, name, /^\d{1,12}(?:\.\d{1,9})?$/, "a number of at least 0");
  return given === undefined ? undefined : Number(given);
}

function metadataIn(ctx: Context): TurnQuery["metadata"] {
  const pairs = allMatching(ctx, "metadata", {
    pattern: PAIR,
    allowed: "a pair such as ticket=42",
    most: 16,
  });
  return Object.fromEntries(
    pairs.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]),
  );
}

function shortText(ctx: Context): string | undefined {
  const given = text(ctx, "text");
  if (given !== undefined && given.length > MAX_TEXT) {
    throw new Refusal(400, `text must be at most ${MAX_TEXT} characters, got ${given.length}`);
  }
  return given;
}
