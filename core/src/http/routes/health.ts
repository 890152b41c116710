import { setTimeout as sleep } from "node:timers/promises";
import { GatewayError, type Ledger } from "@claudeway/ports";
import type { ErrorResponse, Health, Ready } from "@claudeway/schemas";
import type Router from "@koa/router";
import type { Logger } from "pino";
import type { GatewayState } from "../context.js";
import { sendJson } from "../send-json.js";

export interface HealthParts {
  readonly version: string;
  readonly ledger: Pick<Ledger, "turns">;
  /** Throws UNAVAILABLE while the ledger's file is missing, since writes would be lost. */
  readonly checkLedger: () => void;
  /** Rejects with UNAVAILABLE while the CLI is not logged in. */
  readonly checkLogin: () => Promise<void>;
  /** Whether new turns are refused because the gateway is shutting down. */
  readonly draining: () => boolean;
  /** In a cluster: whether this node may not work now. */
  readonly fenced: () => boolean;
  readonly log: Logger;
}

/** How long the ledger may take to answer, in ms. */
const LEDGER_MS = 1000;

/** `GET /health`: the gateway is up. `GET /ready`: whether it can run new turns. Neither needs a key. */
export function healthRoutes(router: Router<GatewayState>, parts: HealthParts): void {
  const { version, draining } = parts;
  const startedAt = performance.now();
  const askLedger = ledgerCheck(parts);
  router.get("/health", (ctx) => {
    const uptime_secs = Math.floor((performance.now() - startedAt) / 1000);
    const health: Health = { status: "ok", version, uptime_secs };
    sendJson(ctx, health);
  });
  router.get("/ready", async (ctx) => {
    if (draining()) throw notReady("draining", "the gateway is shutting down");
    if (parts.fenced())
      throw notReady("fenced", "this node has lost its place in the cluster; it rejoins by itself");
    parts.checkLedger();
    await askLedger();
    await parts.checkLogin();
    ctx.body = { status: "ready" } satisfies Ready;
  });
}

/**
 * Checks the ledger, since no turn can begin without it, one look at a time: a database that is cut off answers none for a
 * while. The check then throws UNAVAILABLE in time for whoever looks after the gateway.
 */
function ledgerCheck({ ledger, log }: HealthParts): () => Promise<void> {
  let look: Promise<unknown> | undefined;
  return async () => {
    look ??= ledger.turns.get(NO_TURN).finally(() => {
      look = undefined;
    });
    const answered = new AbortController();
    const late = sleep(LEDGER_MS, undefined, { signal: answered.signal }).then(() => {
      throw new Error(`no answer within ${LEDGER_MS} ms`);
    });
    try {
      await Promise.race([look, late]);
    } catch (error) {
      log.error({ err: error }, "not ready: the ledger does not answer");
      throw notReady("ledger_unavailable", "the ledger does not answer");
    } finally {
      late.catch(() => undefined);
      answered.abort();
    }
  };
}

const NO_TURN = "00000000-0000-0000-0000-000000000000";

function notReady(reason: NonNullable<ErrorResponse["reason"]>, message: string): GatewayError {
  return new GatewayError("UNAVAILABLE", message, { headers: { "retry-after": "5" }, details: { reason } });
}
