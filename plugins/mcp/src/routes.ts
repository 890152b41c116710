import { pipeline, Readable, Transform } from "node:stream";
import { isFields } from "@claudeway/chat";
import { type Caller, Refusal, type RouteContext, type RouteState } from "@claudeway/core";
import Router from "@koa/router";
import type { McpConfig } from "./config.js";
import { RPC_CODES } from "./rpc-error.js";
import type { McpSession } from "./session.js";
import type { SessionTable } from "./session-table.js";
import { type Context, UnreadAnswers } from "./unread-answers.js";

/** Requests of a key that are answered at once, in all its sessions. */
const MAX_CALLS_PER_KEY = 256;
const TOO_MUCH_UNREAD = "too many answers to MCP requests of this key are unread; try again";
/** The first byte of a comment in a stream of events. */
const COLON = 0x3a;
/** The headers of a request that the transport reads. */
const READ_HEADERS = ["accept", "content-type", "mcp-session-id", "mcp-protocol-version"];

/** `/mcp`: the streamable HTTP transport of MCP, without the stream of GET: the server has nothing to say by itself. */
export function mcpRoutes(table: SessionTable, config: McpConfig): Router<RouteState, RouteContext> {
  const router = new Router<RouteState, RouteContext>();
  const unread = new UnreadAnswers();
  router.post("/", async (ctx) => {
    checkOrigin(ctx, config.cors_origins);
    const message = ctx.request?.body;
    if (Array.isArray(message)) throw new Refusal(400, "the body must be one message, not a batch");
    await post(ctx, { table, unread }, isFields(message) ? message : {});
  });
  router.delete("/", async (ctx) => {
    checkOrigin(ctx, config.cors_origins);
    await table.end(await table.find(callerOf(ctx), sessionIdOf(ctx)));
    ctx.status = 204;
  });
  return router;
}

async function post(
  ctx: Context,
  { table, unread }: { readonly table: SessionTable; readonly unread: UnreadAnswers },
  message: Readonly<Record<string, unknown>>,
): Promise<void> {
  const caller = callerOf(ctx);
  const { id, method } = message;
  const isRequest = method !== undefined && isRequestId(id);
  if (isRequest && unread.isFull(caller)) throw new Refusal(429, TOO_MUCH_UNREAD, { retryAfterSecs: 5 });
  const isNew = method === "initialize" && ctx.get("mcp-session-id") === "";
  const session = isNew ? await table.begin(caller) : await table.find(caller, sessionIdOf(ctx));
  try {
    if (method === "notifications/cancelled") await cancel(table, session, message["params"]);
    if (isRequest) {
      // The client may have disconnected already; there is no event for that.
      if (ctx.res.destroyed) return isNew ? await table.end(session) : undefined;
      if (table.callsOf(caller.keyId) >= MAX_CALLS_PER_KEY)
        throw new Refusal(429, `at most ${MAX_CALLS_PER_KEY} MCP requests of a key are answered at once`);
      const { signal, end } = session.begin(id, { caller, address: ctx.state.clientAddress });
      const sending = unread.add(caller, ctx);
      ctx.res.once("close", () => {
        end();
        sending.close();
      });
      await table.watch(session, id, signal);
    }
    const response = await session.post({ headers: headersOf(ctx), message });
    const { body } = response;
    sendHead(ctx, response);
    if (body !== null && response.ok && !isNew && table.isRepeatable(message))
      ctx.body = checked(body, (event) => (unread.isFull(caller) ? refused(id) : event));
    // All of it at once, to count it. It is not refused: it may have cost something.
    else if (body !== null) ctx.body = Readable.fromWeb(body, { highWaterMark: Number.MAX_SAFE_INTEGER });
    if (isNew && !response.ok) await table.end(session);
  } catch (error) {
    if (isNew) await table.end(session);
    throw error;
  }
}

async function cancel(table: SessionTable, session: McpSession, params: unknown): Promise<void> {
  const { requestId } = isFields(params) ? params : {};
  if (isRequestId(requestId)) await table.cancel(session, requestId);
}

function isRequestId(value: unknown): value is string | number {
  return typeof value === "string" || typeof value === "number";
}

function sendHead(ctx: Context, { status, headers, body }: Response): void {
  ctx.status = status;
  for (const [name, value] of headers) if (name !== "connection") ctx.set(name, value);
  if (body === null) {
    ctx.body = "";
    ctx.remove("content-type");
    return;
  }
  ctx.flushHeaders();
}

/** Each event in one piece, as `check` returns it. Comments, which keep the connection alive, are sent as they are. */
function checked(body: NonNullable<Response["body"]>, check: (event: Buffer) => Buffer): Readable {
  const checking = new Transform({
    // At once, so that what one answer adds counts for the next.
    transform: (chunk: Buffer, _encoding, done) => done(null, chunk[0] === COLON ? chunk : check(chunk)),
  });
  // What fails ends the response, which needs no report.
  return pipeline(Readable.fromWeb(body, { objectMode: true }), checking, () => undefined);
}

/** The event that says so in the place of an answer. */
function refused(id: unknown): Buffer {
  const error = { code: RPC_CODES.refused, message: TOO_MUCH_UNREAD };
  return Buffer.from(`event: message\ndata: ${JSON.stringify({ jsonrpc: "2.0", id, error })}\n\n`);
}

function headersOf(ctx: Context): Headers {
  const headers = new Headers();
  for (const name of READ_HEADERS) {
    const value = ctx.get(name);
    if (value !== "") headers.set(name, value);
  }
  return headers;
}

function sessionIdOf(ctx: Context): string {
  const id = ctx.get("mcp-session-id");
  if (id === "") throw new Refusal(400, "Mcp-Session-Id must be the id of a session; initialize one first");
  return id;
}

/** A page of another origin must not use the server with the help of a visitor's browser. */
function checkOrigin(ctx: Context, allowed: McpConfig["cors_origins"]): void {
  const origin = ctx.get("origin");
  if (origin === "" || allowed === "*" || allowed.includes(origin)) return;
  throw new Refusal(
    403,
    `Origin must be one of the plugin's cors_origins, got ${JSON.stringify(origin.slice(0, 200))}`,
  );
}

function callerOf({ state }: Context): Caller {
  if (state.caller === undefined) throw new Error("the routes of /mcp require a key");
  return state.caller;
}
