import { type PathsObject, type Quota, Refusal, type RouteContext, type RouteState } from "@claudeway/core";
import Router from "@koa/router";
import type { KeyClaims, Limit } from "./claims.js";
import { readAll } from "./counters.js";

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
