import { setTimeout as sleep } from "node:timers/promises";
import type { Answer } from "./answer.js";
import type { ToolCall } from "./calls.js";
import type { JsonObject } from "./json.js";
import type { Move } from "./script.js";
import type { Tokens } from "./usage.js";

/** One server-sent event; `data.type` repeats its name, as in the Messages API. */
export interface WireEvent {
  readonly event: string;
  readonly data: JsonObject;
}

/** How a message ended. */
export type Ending = "finished" | "failed" | "cut";

/** Sends one event. Resolves when the client can receive more, rejects when it has disconnected. */
export type Send = (event: WireEvent) => Promise<void>;

const PING_MS = 5_000;
const MAX_PIECES = 250;
const MAX_PIECE = 8_192;

/** Answers in the streaming form (https://docs.anthropic.com/en/api/messages-streaming). */
export async function streamAnswer(answer: Answer, send: Send, signal: AbortSignal): Promise<Ending> {
  await send(
    named("message_start", { message: envelope(answer, [], null, { ...answer.usage, output_tokens: 1 }) }),
  );
  await send(named("ping", {}));
  let paceMs = 0;
  let index = 0;
  for (const move of answer.moves) {
    switch (move.kind) {
      case "pace":
        paceMs = move.ms;
        break;
      case "pause":
        await sleep(move.ms, undefined, { signal });
        break;
      case "hang":
        return hang(send, signal);
      case "cut":
        return "cut";
      case "fail":
        await send(named("error", { error: errorBody(move.status, move.message) }));
        return "failed";
      default:
        for (const block of blocksOf(move, answer)) {
          await sendBlock(block, index++, paceMs, send, signal);
        }
    }
  }
  const delta = { stop_reason: answer.stopReason, stop_sequence: null };
  await send(named("message_delta", { delta, usage: { ...answer.usage } }));
  await send(named("message_stop", {}));
  return "finished";
}

/** A whole message, or the move that prevents it. */
export type WholeAnswer =
  | { readonly message: JsonObject }
  | { readonly stoppedBy: Extract<Move, { kind: "hang" | "cut" | "fail" }> };

/** Answers in one piece, after the time that streaming would have needed. */
export async function wholeAnswer(answer: Answer, signal: AbortSignal): Promise<WholeAnswer> {
  let paceMs = 0;
  const content: JsonObject[] = [];
  for (const move of answer.moves) {
    if (move.kind === "pace") paceMs = move.ms;
    else if (move.kind === "pause") await sleep(move.ms, undefined, { signal });
    else if (move.kind === "hang" || move.kind === "cut" || move.kind === "fail") return { stoppedBy: move };
    else {
      const blocks = blocksOf(move, answer);
      const pieces = blocks.reduce((sum, block) => sum + block.deltas(paceMs > 0).length, 0);
      await sleep(paceMs * pieces, undefined, { signal });
      content.push(...blocks.map((block) => block.whole));
    }
  }
  return { message: envelope(answer, content, answer.stopReason, answer.usage) };
}

/** The `error` object of the API's errors (https://docs.anthropic.com/en/api/errors). */
export function errorBody(status: number, message: string): JsonObject {
  const types: Readonly<Record<number, string>> = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
  };
  return { type: types[status] ?? (status < 500 ? "invalid_request_error" : "api_error"), message };
}

interface Block {
  /** The block as `content_block_start` has it: empty. */
  readonly start: JsonObject;
  /** Its pieces, word by word or in larger ones. */
  deltas(wordByWord: boolean): readonly JsonObject[];
  readonly whole: JsonObject;
}

async function sendBlock(block: Block, index: number, paceMs: number, send: Send, signal: AbortSignal) {
  await send(named("content_block_start", { index, content_block: block.start }));
  for (const delta of block.deltas(paceMs > 0)) {
    if (paceMs > 0) await sleep(paceMs, undefined, { signal });
    await send(named("content_block_delta", { index, delta }));
  }
  await send(named("content_block_stop", { index }));
}

async function hang(send: Send, signal: AbortSignal): Promise<never> {
  for (;;) {
    await sleep(PING_MS, undefined, { signal });
    await send(named("ping", {}));
  }
}

function named(type: string, data: JsonObject): WireEvent {
  return { event: type, data: { type, ...data } };
}

function envelope(
  answer: Answer,
  content: readonly JsonObject[],
  stopReason: string | null,
  usage: Tokens,
): JsonObject {
  return {
    id: answer.id,
    type: "message",
    role: "assistant",
    model: answer.model,
    content,
    stop_reason: stopReason,
    stop_sequence: null,
    usage: { ...usage, service_tier: "standard" },
  };
}

function blocksOf(move: Move, answer: Answer): readonly Block[] {
  if (move.kind === "text") return [textBlock(move.text)];
  if (move.kind === "thinking") return [thinkingBlock(move.text)];
  if (move.kind === "calls") return move.calls.map((call, i) => toolBlock(call, answer.callIds[i] ?? ""));
  return [];
}

function textBlock(text: string): Block {
  return {
    start: { type: "text", text: "" },
    deltas: (wordByWord) => splitText(text, wordByWord).map((piece) => ({ type: "text_delta", text: piece })),
    whole: { type: "text", text },
  };
}

function thinkingBlock(thinking: string): Block {
  const signature = Buffer.from(`demo:${thinking.length}`).toString("base64");
  return {
    start: { type: "thinking", thinking: "", signature: "" },
    deltas: (wordByWord) => [
      ...splitText(thinking, wordByWord).map((piece) => ({ type: "thinking_delta", thinking: piece })),
      { type: "signature_delta", signature },
    ],
    whole: { type: "thinking", thinking, signature },
  };
}

function toolBlock(call: ToolCall, id: string): Block {
  return {
    start: { type: "tool_use", id, name: call.name, input: {} },
    deltas: () =>
      splitText(JSON.stringify(call.input), false).map((piece) => ({
        type: "input_json_delta",
        partial_json: piece,
      })),
    whole: { type: "tool_use", id, name: call.name, input: call.input },
  };
}

/** Pieces that give the text again when joined: words, or runs of them so that there are not too many. */
export function splitText(text: string, wordByWord: boolean): readonly string[] {
  const words = (text.match(/\s*\S+|\s+$/g) ?? []).flatMap(splitLongWord);
  if (wordByWord || words.length <= 2) return words;
  const size = Math.ceil(words.length / MAX_PIECES);
  const pieces: string[] = [];
  for (let i = 0; i < words.length; i += size) pieces.push(words.slice(i, i + size).join(""));
  return pieces;
}

/** Never splits a surrogate pair: its halves cannot be encoded in UTF-8. */
function splitLongWord(word: string): readonly string[] {
  const pieces: string[] = [];
  for (let start = 0; start < word.length; ) {
    const end = start + MAX_PIECE;
    const inPair = /[\uD800-\uDBFF]/.test(word[end - 1] ?? "");
    pieces.push(word.slice(start, inPair ? end - 1 : end));
    start = inPair ? end - 1 : end;
  }
  return pieces;
}
