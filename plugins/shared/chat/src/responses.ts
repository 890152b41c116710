import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { ChatFailure } from "./failures.js";
import type { ChatEnd, ChatEvent, ChatTurn } from "./turns.js";

/** What is used of Koa's context. */
interface Context {
  set(fields: { [header: string]: string }): void;
  flushHeaders(): void;
  status: number;
  body: unknown;
}

/** Aborted when the client disconnects before its answer is sent. */
export function whenGone(res: ServerResponse): AbortSignal {
  const gone = new AbortController();
  const stop = () => {
    if (!res.writableFinished) gone.abort();
  };
  // The client may have disconnected already; there is no event for that.
  if (res.destroyed) stop();
  else res.once("close", stop);
  return gone.signal;
}

/** An answer that has begun: its turn, and its events from the first text on. */
export interface BegunAnswer {
  readonly turn: ChatTurn;
  readonly events: AsyncGenerator<ChatEvent, void>;
}

/**
 * Waits until an answer has begun, or its turn has been silent for so long that the client must hear something: until then,
 * an error can still have a status of its own. Calls `runs` once its turn runs.
 */
export async function begun(events: AsyncGenerator<ChatEvent, void>, runs: () => void): Promise<BegunAnswer> {
  let turn: ChatTurn | undefined;
  let next = await events.next();
  for (; next.done !== true && next.value.type === "begun"; next = await events.next()) {
    turn = next.value.turn;
    runs();
  }
  if (turn === undefined) throw new Error("a turn must begin before its events");
  return { turn, events: resumed(next, events) };
}

async function* resumed(
  next: IteratorResult<ChatEvent, void>,
  events: AsyncGenerator<ChatEvent, void>,
): AsyncGenerator<ChatEvent, void> {
  try {
    if (next.done !== true) yield next.value;
    yield* events;
  } finally {
    await events.return();
  }
}

/** The whole answer. */
export async function ended({ events }: BegunAnswer): Promise<ChatEnd> {
  for await (const event of events) if (event.type === "end") return event;
  throw new Error("a turn must end");
}

/** Sends lines of a stream of server-sent events, at the speed of its reader. */
export function sendLines(ctx: Context, lines: AsyncIterable<string>): void {
  ctx.set({
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache, no-transform",
    "x-accel-buffering": "no",
  });
  ctx.status = 200;
  ctx.body = Readable.from(lines, { objectMode: false, highWaterMark: 16_384 });
  ctx.flushHeaders();
}

/** The headers of an answer: the id of its turn, which `idHeader` has too, and how its history became a session. */
export function nameTurn(ctx: Pick<Context, "set">, { turnId, origin }: ChatTurn, idHeader: string): void {
  ctx.set({ [idHeader]: turnId, "x-turn-id": turnId, "x-claudeway-history": origin });
}

/** Clients repeat requests with some statuses unless they are told not to. */
export const NOT_REPEATED = { "x-should-retry": "false" };

/** Answers a failure on Claude's side in a dialect's format. Other errors are thrown: the gateway answers them. */
export async function answerFailures(
  ctx: Context,
  toAnswer: (failure: ChatFailure) => { readonly status: number; readonly body: object },
  answer: () => Promise<void>,
): Promise<void> {
  try {
    await answer();
  } catch (error) {
    if (!(error instanceof ChatFailure)) throw error;
    const { status, body } = toAnswer(error);
    ctx.status = status;
    if (error.retryAfterSecs === undefined) ctx.set(NOT_REPEATED);
    else ctx.set({ "retry-after": String(error.retryAfterSecs) });
    ctx.body = body;
  }
}
