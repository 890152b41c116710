import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { type Answer, planAnswer } from "./answer.js";
import { type Conversation, readConversation } from "./conversation.js";
import { type Account, type Exchange, sendError, sendJson, sessionOf } from "./exchange.js";
import type { JsonObject } from "./json.js";
import type { OpenRecord, RequestEnd } from "./records.js";
import type { Move } from "./script.js";
import type { Tokens } from "./usage.js";
import { type Send, streamAnswer, wholeAnswer } from "./wire.js";

type Failure = Extract<Move, { kind: "fail" }>;

const MAX_ATTEMPTS = 1_000;
const CUT_AFTER_MS = 100;

/** Answers `POST /v1/messages`: an HTTP failure, a stream, or a whole message. */
export async function answerMessages(exchange: Exchange, body: JsonObject): Promise<void> {
  const conversation = readConversation(body);
  const planned = planAnswer(conversation);
  const answer =
    limitOf(exchange.account) === undefined ? withoutSpentFailures(planned, conversation, exchange) : planned;
  const record = openRecord(exchange, conversation, answer);
  const gone = new AbortController();
  exchange.response.once("close", () => gone.abort());
  try {
    record.end(await deliver(exchange, conversation, answer, record, gone.signal));
  } catch (error) {
    record.end("gone");
    if (!gone.signal.aborted) throw error;
  }
}

function openRecord(exchange: Exchange, conversation: Conversation, answer: Answer): OpenRecord {
  return exchange.log.open({
    method: "POST",
    path: exchange.request.url ?? "/v1/messages",
    kind: answer.kind,
    sessionId: sessionOf(exchange.request),
    model: conversation.model,
    stream: conversation.stream,
    prompt: conversation.prompt,
    system: conversation.system,
  });
}

async function deliver(
  exchange: Exchange,
  conversation: Conversation,
  answer: Answer,
  record: OpenRecord,
  signal: AbortSignal,
): Promise<RequestEnd> {
  const { response, options } = exchange;
  await sleep(options.latencyMs ?? 0, undefined, { signal });
  const refusal = limitOf(exchange.account) ?? (await refusalBeforeAnswer(answer, conversation, signal));
  if (refusal !== undefined) return sendFailure(exchange, refusal, record);
  record.deal(answer);
  return conversation.stream
    ? sendStream(response, answer, record, signal)
    : sendWhole(exchange, answer, record, signal);
}

/** The refusal of every request while the account has reached a limit. */
function limitOf({ limit }: Account): Failure | undefined {
  if (limit === undefined || Date.now() >= limit.until) return undefined;
  const message = "This request would exceed your account's rate limit. Please try again later.";
  return { kind: "fail", status: 429, message, times: 1, limit: { name: limit.name, secs: 0 } };
}

/** A failure before any text, which can still be an HTTP status. */
async function refusalBeforeAnswer(
  answer: Answer,
  conversation: Conversation,
  signal: AbortSignal,
): Promise<Failure | undefined> {
  const first = answer.moves.findIndex((move) => move.kind !== "pace" && move.kind !== "pause");
  const move = answer.moves[first];
  if (move?.kind === "fail") {
    for (const before of answer.moves.slice(0, first)) {
      if (before.kind === "pause") await sleep(before.ms, undefined, { signal });
    }
    return move;
  }
  if (conversation.model.startsWith("claude-")) return undefined;
  return {
    kind: "fail",
    status: 404,
    message: `model: ${conversation.model}`,
    times: Number.POSITIVE_INFINITY,
  };
}

function sendFailure({ response, account }: Exchange, failure: Failure, record: OpenRecord): RequestEnd {
  record.answered(failure.status);
  const headers = {
    // The CLI retries 429s and 5xxs up to ten times, for minutes; only a script that counts attempts needs that.
    "x-should-retry": String(Number.isFinite(failure.times)),
    ...(failure.limit !== undefined && limitHeaders(account, failure.limit)),
  };
  sendError(response, failure.status, failure.message, headers);
  return "failed";
}

/** What the API tells a subscriber of its limits. Times are in seconds since 1970. */
function limitHeaders(
  account: Account,
  { name, secs }: NonNullable<Failure["limit"]>,
): Readonly<Record<string, string>> {
  if (secs > 0) account.limit = { name, until: Math.ceil(Date.now() / 1000 + secs) * 1000 };
  return {
    "anthropic-ratelimit-unified-status": "rejected",
    "anthropic-ratelimit-unified-reset": String((account.limit?.until ?? Date.now()) / 1000),
    "anthropic-ratelimit-unified-representative-claim": name,
  };
}

async function sendStream(
  response: ServerResponse,
  answer: Answer,
  record: OpenRecord,
  signal: AbortSignal,
): Promise<RequestEnd> {
  record.answered(200);
  response.writeHead(200, {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
  });
  const send: Send = async ({ event, data }) => {
    signal.throwIfAborted();
    const room = response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    const delivered = deliveredBy(event, answer.usage);
    if (delivered !== undefined) record.deliver(delivered);
    if (!room) await once(response, "drain", { signal });
  };
  const ending = await streamAnswer(answer, send, signal);
  if (ending === "cut") await dropLater(response, signal);
  else response.end();
  return ending;
}

/** Drops the connection once the client has had time to read the earlier text, which a reset would discard. */
async function dropLater(response: ServerResponse, signal: AbortSignal): Promise<void> {
  await sleep(CUT_AFTER_MS, undefined, { signal });
  response.destroy();
}

function deliveredBy(event: string, usage: Tokens): Tokens | undefined {
  if (event === "message_start") return { ...usage, output_tokens: 1 };
  return event === "message_delta" ? usage : undefined;
}

async function sendWhole(
  exchange: Exchange,
  answer: Answer,
  record: OpenRecord,
  signal: AbortSignal,
): Promise<RequestEnd> {
  const { response } = exchange;
  const whole = await wholeAnswer(answer, signal);
  if ("message" in whole) {
    record.answered(200);
    record.deliver(answer.usage);
    sendJson(response, 200, whole.message);
    return "finished";
  }
  if (whole.stoppedBy.kind === "fail") return sendFailure(exchange, whole.stoppedBy, record);
  if (whole.stoppedBy.kind === "hang") await once(response, "close");
  response.destroy();
  return whole.stoppedBy.kind === "hang" ? "gone" : "cut";
}

/** Removes every `[[fail 2x …]]` and `[[cut 2x]]` that is used up, and counts the current one. */
function withoutSpentFailures(answer: Answer, conversation: Conversation, exchange: Exchange): Answer {
  const { attempts, request } = exchange;
  const moves = answer.moves.filter((move, i) => {
    if ((move.kind !== "fail" && move.kind !== "cut") || !Number.isFinite(move.times)) return true;
    const place = [
      sessionOf(request),
      conversation.earlier.length,
      answer.firstMove + i,
      conversation.prompt,
    ];
    const key = JSON.stringify(place);
    const failed = attempts.get(key) ?? 0;
    if (failed >= move.times) return false;
    remember(attempts, key, failed + 1);
    return true;
  });
  return { ...answer, moves };
}

function remember(attempts: Map<string, number>, key: string, count: number): void {
  attempts.delete(key);
  attempts.set(key, count);
  const oldest = attempts.keys().next().value;
  if (attempts.size > MAX_ATTEMPTS && oldest !== undefined) attempts.delete(oldest);
}
