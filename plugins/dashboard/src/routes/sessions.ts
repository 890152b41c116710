import {
  type LedgerView,
  Refusal,
  type SessionRecord,
  type SessionsView,
  type TurnRunner,
} from "@claudeway/core";
import type Router from "@koa/router";
import { matching, param, text, wholeNumber } from "../query.js";
import { answerView, costOf, sessionView, turnView } from "./views.js";

export const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const ID_PREFIX = /^[0-9a-f][0-9a-f-]{3,35}$/;

export interface SessionParts {
  readonly sessions: SessionsView;
  readonly ledger: LedgerView;
  readonly turns: TurnRunner;
}

/** `/sessions…` and `/turns…`: every key's conversations. */
export function sessionRoutes(router: Router, parts: SessionParts): void {
  const { sessions, ledger, turns } = parts;
  router.get("/sessions", async (ctx) => {
    const query = {
      page: wholeNumber(ctx, "page", 1, 1_000_000),
      limit: wholeNumber(ctx, "limit", 20, 1000),
      model: text(ctx, "model"),
      keyId: text(ctx, "key_id"),
      idPrefix: matching(
        ctx,
        "search",
        ID_PREFIX,
        "the beginning of a session's id, four characters or more",
      ),
    };
    const [found, models, running] = await Promise.all([
      sessions.list(query),
      sessions.models(),
      ledger.running(),
    ]);
    const busy = new Set(running.map(({ sessionId }) => sessionId));
    const { page, limit } = query;
    const views = found.sessions.map((session) => sessionView(session, busy.has(session.id)));
    ctx.body = { sessions: views, total: found.total, page, limit, models };
  });
  router.get("/sessions/:id", async (ctx) => {
    const session = await find(sessions, param(ctx, "id"));
    const running = (await ledger.running()).some(({ sessionId }) => sessionId === session.id);
    const byModel = (await sessions.byModel(session.id)).map(({ model, requests, tokens, ...totals }) => {
      return { model, request_count: requests, tokens, cost_usd: costOf({ tokens, ...totals }) };
    });
    const { systemPrompt, kind } = session;
    ctx.body = {
      ...sessionView(session, running),
      kind,
      system_prompt: systemPrompt ?? null,
      by_model: byModel,
    };
  });
  router.get("/sessions/:id/turns", async (ctx) => {
    const session = await find(sessions, param(ctx, "id"));
    const query = { page: wholeNumber(ctx, "page", 1, 1_000_000), limit: wholeNumber(ctx, "limit", 20, 100) };
    const found = await sessions.turns(session.id, query);
    const views = found.turns.map(async (turn) => {
      return { ...turnView(turn), answer: answerView(await ledger.response(turn.id)) };
    });
    ctx.body = { turns: await Promise.all(views), total: found.total, ...query };
  });
  router.post("/sessions/:id/interrupt", async (ctx) => {
    const session = await find(sessions, param(ctx, "id"));
    ctx.body = { session_id: session.id, interrupted: await turns.interrupt(session.keyId, session.id) };
  });
  router.delete("/sessions/:id", async (ctx) => {
    const session = await find(sessions, param(ctx, "id"));
    await turns.endSession(session.keyId, session.id);
    ctx.body = { deleted: true, session_id: session.id };
  });
  turnRoutes(router, ledger);
}

function turnRoutes(router: Router, ledger: LedgerView): void {
  /** Those that run or wait for their place. */
  router.get("/turns", async (ctx) => {
    ctx.body = { turns: (await ledger.running()).map(turnView) };
  });
  router.get("/turns/:id", async (ctx) => {
    const turn = await ledger.turn(param(ctx, "id"));
    if (turn === undefined) throw new Refusal(404, "no such turn");
    ctx.body = { ...turnView(turn), answer: (await ledger.response(turn.id)) ?? null };
  });
}

async function find(sessions: SessionsView, id: string): Promise<SessionRecord> {
  const session = await sessions.get(id);
  if (session === undefined) throw new Refusal(404, "no such session");
  return session;
}
