import type { GatewayControl, PluginScope, RouteContext, RouteState } from "@claudeway/core";
import type { RouterContext } from "@koa/router";
import type { ChatRequest, RequestSource } from "./chat-request.js";
import { errorIn, type StreamError, saysWhen, toClientError } from "./failures.js";
import { sharedAliases } from "./models.js";
import { type BegunAnswer, begun, ended, NOT_REPEATED, nameTurn, sendLines, whenGone } from "./responses.js";
import type { ChatEnd, ChatEvent, ChatTurns } from "./turns.js";

/** What the routes of a dialect are built from. */
export interface ChatRouteParts<Config extends object> {
  readonly config: Config;
  readonly chats: ChatTurns;
  readonly control: Pick<GatewayControl, "models" | "plugins">;
  readonly log: PluginScope["log"];
}

type Context = RouterContext<RouteState, RouteContext>;

export function keyOf({ state: { caller } }: Context): string {
  if (caller === undefined) throw new Error("the routes below /v1 require a key");
  return caller.keyId;
}

/** What a request is read with, beside its body. */
export function sourceOf<Config extends object>(
  ctx: Context,
  { config, control }: Pick<ChatRouteParts<Config>, "config" | "control">,
): RequestSource<Config> {
  return { headers: ctx.headers, keyId: keyOf(ctx), config, aliases: sharedAliases(control) };
}

/** An answer in a dialect's format. */
export interface AnswerFormat {
  /** The header that the dialect's clients show. */
  readonly idHeader: string;
  readonly stream: boolean;
  readonly lines: (answer: BegunAnswer) => AsyncIterable<string>;
  readonly whole: (end: ChatEnd) => object | Promise<object>;
}

/**
 * Answers a chat, whole or as a stream. Clients are told not to repeat by themselves what has failed after its turn began, unless
 * the error says when: another turn would be paid for, too.
 */
export async function answerChat(
  ctx: Context,
  chats: ChatTurns,
  chat: ChatRequest,
  { idHeader, stream, lines, whole }: AnswerFormat,
): Promise<void> {
  let ran = false;
  const runs = () => {
    ran = true;
  };
  try {
    const answer = await begun(inClientsWords(chats.run(chat, whenGone(ctx.res)), chat.schemaParam), runs);
    nameTurn(ctx, answer.turn, idHeader);
    if (stream) sendLines(ctx, lines(answer));
    else ctx.body = await whole(await ended(answer));
  } catch (error) {
    if (ran && !saysWhen(error)) ctx.set(NOT_REPEATED);
    throw error;
  }
}

async function* inClientsWords(
  events: AsyncGenerator<ChatEvent, void>,
  schemaParam: string,
): AsyncGenerator<ChatEvent, void> {
  try {
    yield* events;
  } catch (error) {
    throw toClientError(error, schemaParam);
  }
}

/** What ended a stream. Its headers are sent, so that it has no status. Errors of ours are logged, and not described. */
export function streamError(error: unknown, log: PluginScope["log"]): StreamError {
  const known = errorIn(error);
  if (known !== undefined) return known;
  log.error({ err: error }, "a streamed answer failed");
  return { status: 500, code: "INTERNAL_ERROR", message: "internal error" };
}
