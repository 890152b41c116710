import {
  type Keys,
  type LedgerView,
  type PathsObject,
  type Quota,
  Refusal,
  type RouteContext,
  type RouteState,
} from "@claudeway/core";
import Router from "@koa/router";
import type { KeyClaims, Limit } from "./claims.js";
import { readAll } from "./counters.js";

const KEYS_PER_PAGE = 50;
/** In characters. */
const MAX_KEY_ID = 64;

/** `GET /limits`: the key's own limits and what is left of them; the admin may name another key. */
export function limitRoutes(claims: KeyClaims, quota: Pick<Quota, "read">): Router<RouteState, RouteContext> {
  const router = new Router<RouteState, RouteContext>();
  router.get("/", async (ctx) => {
    const { caller } = ctx.state;
    if (caller === undefined) throw new Error("the routes of /limits require a key");
    const keyId = namedKey(ctx.query["key"]) ?? caller.keyId;
    if (keyId !== caller.keyId && !caller.admin)
      throw new Refusal(403, "only the admin's key may see the limits of another key");
    ctx.body = { key_id: keyId, limits: await limitsOf(keyId, claims, quota) };
  });
  return router;
}

export interface AdminRouteParts {
  readonly claims: KeyClaims;
  readonly quota: Pick<Quota, "read">;
  readonly keys: Pick<Keys, "list">;
  readonly ledger: Pick<LedgerView, "byKey">;
}

/** `GET /admin/limits`: the limits of the configured keys, and of those that turns have used, a page of keys at a time. */
export function adminRoutes({
  claims,
  quota,
  keys,
  ledger,
}: AdminRouteParts): Router<RouteState, RouteContext> {
  const router = new Router<RouteState, RouteContext>();
  router.get("/", async (ctx) => {
    const page = pageIn(ctx.query["page"]);
    const used = (await ledger.byKey()).map(({ keyId }) => keyId);
    const ids = [...new Set([...keys.list().map(({ id }) => id), ...used])];
    const shown = ids.slice((page - 1) * KEYS_PER_PAGE, page * KEYS_PER_PAGE);
    const limits = [];
    for (const key_id of shown)
      limits.push(...(await limitsOf(key_id, claims, quota)).map((limit) => ({ key_id, ...limit })));
    ctx.body = { limits, total: ids.length, page, limit: KEYS_PER_PAGE };
  });
  return router;
}

function pageIn(given: unknown = "1"): number {
  if (typeof given === "string" && /^[1-9]\d{0,5}$/.test(given)) return Number(given);
  throw new Refusal(
    400,
    `page must be an integer from 1 to 999999, got ${JSON.stringify(given).slice(0, 80)}`,
  );
}

/** Every limit of a key, and what is left of it. */
export async function limitsOf(keyId: string, claims: KeyClaims, quota: Pick<Quota, "read">) {
  const limits = claims.all(keyId);
  const states = await readAll(quota, limits);
  return limits.map((limit, index) => viewOf(limit, states[index]));
}

function namedKey(key: string | readonly string[] | undefined): string | undefined {
  if (key === undefined) return undefined;
  if (typeof key !== "string") throw new Refusal(400, "key must be given once");
  if (key.length > MAX_KEY_ID) throw new Refusal(400, `key must have at most ${MAX_KEY_ID} characters`);
  return key;
}

type State = Awaited<ReturnType<Quota["read"]>>[number];

function viewOf(limit: Limit, state: State | undefined) {
  const { used = 0, reserved = 0, resetsAt } = state ?? {};
  return {
    limit: limit.name,
    subject: limit.subject,
    window: limit.window,
    unit: limit.measure === "cost" ? "usd" : limit.measure === "tokens" ? "tokens" : "count",
    allowed: limit.limit,
    used,
    reserved,
    left: Math.max(0, limit.limit - used - reserved),
    resets_at: resetsAt ?? null,
  };
}

const text = (description: string) => ({ type: "string", description });
const number = (description: string) => ({ type: "number", description });
const object = (properties: Readonly<Record<string, object>>) => ({
  type: "object",
  additionalProperties: false,
  required: Object.keys(properties),
  properties,
});

const LIMIT = object({
  limit: text("Its kind and name: `budget:team`, `turns_per_minute:ci`."),
  subject: text("Whose it is: `key:<id>`, `tag:<tag>`, or `all` for one that keys share."),
  window: { enum: ["minute", "day", "week", "month", "all"], description: "When it begins anew (UTC)." },
  unit: { enum: ["usd", "tokens", "count"], description: "What the numbers are." },
  allowed: number("The most in one window."),
  used: number("By turns that have ended, and by requests."),
  reserved: number("By turns that wait or run."),
  left: number("What a new turn can still reserve."),
  resets_at: {
    type: ["string", "null"],
    description: "When it begins anew: ISO 8601, UTC; null if it never does.",
  },
});

/** The OpenAPI description of the admin's routes. */
export const ADMIN_PATHS: PathsObject = {
  "/": {
    get: {
      summary: "Show what all keys may still do",
      parameters: [
        {
          name: "page",
          in: "query",
          required: false,
          description: "A page of keys, from 1.",
          schema: { type: "integer", minimum: 1, default: 1 },
        },
      ],
      responses: {
        "200": {
          description: "The limits of the configured keys, and of those that turns have used.",
          content: {
            "application/json": {
              schema: object({
                limits: { type: "array", items: object({ key_id: text("The key."), ...LIMIT.properties }) },
                total: number("How many keys there are."),
                page: number("The page."),
                limit: number("Keys on a page."),
              }),
            },
          },
        },
      },
    },
  },
};

/** The OpenAPI description of the routes. */
export const LIMIT_PATHS: PathsObject = {
  "/": {
    get: {
      summary: "Show what a key may still do",
      parameters: [
        {
          name: "key",
          in: "query",
          required: false,
          description: "With the admin's key: the id of another key.",
          schema: { type: "string" },
        },
      ],
      responses: {
        "200": {
          description: "The limits of the key.",
          content: {
            "application/json": {
              schema: object({ key_id: text("The key."), limits: { type: "array", items: LIMIT } }),
            },
          },
        },
      },
    },
  },
};
