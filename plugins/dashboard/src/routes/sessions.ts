import {
  type Approvals,
  type LedgerView,
  Refusal,
  type SessionRecord,
  type SessionsView,
  type SessionTerminal,
  type TurnRecord,
  type TurnRunner,
} from "@claudeway/core";
import type Router from "@koa/router";
import type { FirstPrompts } from "../live/first-prompts.js";
import type { LatestPrompts, Prompt } from "../live/prompts.js";
import type { LatestWork } from "../live/work.js";
import { answeredAtItsNode, type Peers } from "../peers.js";
import { matching, objectIn, param, text, wholeNumber } from "../query.js";
import { contentOf } from "./prompt-content.js";
import { promptsOf } from "./prompts-of.js";
import type { SentOnce } from "./sent-once.js";
import {
  answerView,
  costOf,
  type Page,
  promptView,
  type SessionView,
  sessionView,
  turnView,
  waitingIn,
} from "./views.js";

export const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const ID_PREFIX = /^[0-9a-f][0-9a-f-]{3,35}$/;

export interface SessionParts {
  readonly sessions: SessionsView;
  readonly ledger: LedgerView;
  readonly turns: TurnRunner;
  readonly approvals: Approvals;
  readonly peers: Peers;
  readonly prompts: LatestPrompts;
  readonly firstPrompts: FirstPrompts;
  readonly work: LatestWork;
  readonly sent: SentOnce;
}

/** `/sessions…` and `/turns…`: the conversations of all keys. */
export function sessionRoutes(router: Router, parts: SessionParts): void {
  const { sessions, ledger, approvals, peers } = parts;
  const atItsNode = answeredAtItsNode(peers);
  router.get("/sessions", async (ctx) => {
    const query = {
      page: wholeNumber(ctx, "page", 1, 1_000_000),
      limit: wholeNumber(ctx, "limit", 20, 1000),
      model: text(ctx, "model"),
      keyId: text(ctx, "key_id"),
      idPrefix: matching(ctx, "search", ID_PREFIX, "the first four or more characters of a session's id"),
    };
    const [found, models, running, waiting] = await Promise.all([
      sessions.list(query),
      sessions.models(),
      ledger.running(),
      waitingIn(approvals),
    ]);
    const busy = new Set(running.map(({ sessionId }) => sessionId));
    const { page, limit } = query;
    const views = found.sessions.map((session) =>
      sessionView(session, {
        running: busy.has(session.id),
        waiting: waiting.sessionIds.has(session.id),
        firstPrompt: parts.firstPrompts.of(session.id),
      }),
    );
    ctx.body = { sessions: views, total: found.total, page, limit, models } satisfies SessionPage;
  });
  router.get("/sessions/:id", atItsNode, async (ctx) => {
    ctx.body = await sessionDetail(await find(sessions, param(ctx, "id")), parts);
  });
  router.get("/sessions/:id/turns", atItsNode, async (ctx) => {
    const session = await find(sessions, param(ctx, "id"));
    const query = { page: wholeNumber(ctx, "page", 1, 1_000_000), limit: wholeNumber(ctx, "limit", 20, 100) };
    const found = await sessions.turns(session.id, query);
    const waiting = await waitingIn(approvals);
    const said = await promptsOf(session.id, found.turns, parts);
    const views = found.turns.map((turn) =>
      answeredTurn(turn, waiting.turnIds.has(turn.id), said.get(turn.id), parts),
    );
    ctx.body = { turns: await Promise.all(views), total: found.total, ...query } satisfies TurnPage;
  });
  router.get("/sessions/:id/messages", atItsNode, async (ctx) => {
    const query = { page: wholeNumber(ctx, "page", 1, 1_000_000), limit: wholeNumber(ctx, "limit", 20, 100) };
    const found = await sessions.messages(param(ctx, "id"), query);
    if (found === undefined) throw new Refusal(404, "no such session");
    ctx.body = found;
  });
  changeRoutes(router, parts);
  turnRoutes(router, parts);
}

/** What the admin does with a session, on behalf of its key. */
function changeRoutes(router: Router, { sessions, turns, sent }: SessionParts): void {
  router.patch("/sessions/:id", async (ctx) => {
    const session = await find(sessions, param(ctx, "id"));
    const { title } = objectIn(ctx);
    if (title !== null && typeof title !== "string") throw new Refusal(400, "title must be a string or null");
    await turns.renameSession(session.keyId, session.id, title);
    ctx.body = { session_id: session.id, title };
  });
  router.post("/sessions/:id/prompt", async (ctx) => {
    const session = await find(sessions, param(ctx, "id"));
    const { prompt, files, draft_id } = objectIn(ctx);
    if (typeof prompt !== "string") throw new Refusal(400, "prompt must be a string");
    const content = contentOf(prompt, files);
    const request = { prompt, ...(content && { content }) };
    const begin = async () => (await turns.prompt(session.keyId, session.id, request)).id;
    ctx.body = { session_id: session.id, turn_id: await sent.turn(session.id, draft_id, begin) };
  });
  router.post("/sessions/:id/fork", async (ctx) => {
    const session = await find(sessions, param(ctx, "id"));
    const { at } = objectIn(ctx);
    if (at !== undefined && (typeof at !== "string" || !UUID.test(at))) {
      throw new Refusal(400, "at must be the id of a turn of the session");
    }
    ctx.body = {
      session_id: await turns.forkSession(session.keyId, session.id, at === undefined ? {} : { at }),
    };
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
}

function turnRoutes(router: Router, parts: SessionParts): void {
  const { ledger, approvals, peers } = parts;
  /** Running and queued turns. */
  router.get("/turns", async (ctx) => {
    const [running, waiting] = await Promise.all([ledger.running(), waitingIn(approvals)]);
    ctx.body = { turns: running.map((turn) => turnView(turn, waiting.turnIds.has(turn.id))) };
  });
  router.get("/turns/:id", async (ctx) => {
    const turn = await ledger.turn(param(ctx, "id"));
    if (turn === undefined) throw new Refusal(404, "no such turn");
    ctx.body = (await peers.answerFor(turn.sessionId, ctx)) ?? (await turnDetail(turn, parts));
  });
}

async function turnDetail(turn: TurnRecord, parts: SessionParts) {
  const waits = (await waitingIn(parts.approvals)).turnIds.has(turn.id);
  const answer = (await parts.ledger.response(turn.id)) ?? null;
  const prompt = (await promptsOf(turn.sessionId, [turn], parts)).get(turn.id) ?? null;
  return { ...turnView(turn, waits), prompt, answer };
}

async function sessionDetail(
  session: SessionRecord,
  { ledger, sessions, approvals, firstPrompts }: SessionParts,
) {
  const running = (await ledger.running()).some(({ sessionId }) => sessionId === session.id);
  const byModel = (await sessions.byModel(session.id)).map((totals) => {
    const { model, requests: request_count, tokens } = totals;
    return { model, request_count, tokens, cost_usd: costOf(totals) };
  });
  const { systemPrompt, kind } = session;
  const terminal = await sessions.terminal(session.id);
  const waiting = (await waitingIn(approvals)).sessionIds.has(session.id);
  return {
    ...sessionView(session, { running, waiting, firstPrompt: firstPrompts.of(session.id) }),
    kind,
    system_prompt: systemPrompt ?? null,
    resume_command: terminal === undefined ? null : resumeCommand(terminal),
    background: await sessions.background(session.id),
    by_model: byModel,
  };
}

/** The command that goes on with a session in a terminal, quoted for a POSIX shell. */
function resumeCommand({ session, workdir, configDir }: SessionTerminal): string {
  const environment = configDir === undefined ? "" : `CLAUDE_CONFIG_DIR=${quoted(configDir)} `;
  return `cd ${quoted(workdir)} && ${environment}claude --resume ${session}`;
}

function quoted(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

async function answeredTurn(
  turn: TurnRecord,
  waits: boolean,
  said: Prompt | undefined,
  { ledger, work }: SessionParts,
) {
  const prompt = promptView(said);
  const answer = answerView(await ledger.response(turn.id));
  return { ...turnView(turn, waits), prompt, answer, work: work.of(turn.id) };
}

export type SessionDetail = Awaited<ReturnType<typeof sessionDetail>>;

export interface SessionPage extends Page {
  readonly sessions: readonly SessionView[];
  /** Every model that a session was started with. */
  readonly models: readonly string[];
}

export interface TurnPage extends Page {
  readonly turns: readonly Awaited<ReturnType<typeof answeredTurn>>[];
}

async function find(sessions: SessionsView, id: string): Promise<SessionRecord> {
  const session = await sessions.get(id);
  if (session === undefined) throw new Refusal(404, "no such session");
  return session;
}
