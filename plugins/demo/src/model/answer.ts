import { randomBytes } from "node:crypto";
import type { Conversation, ToolResult } from "./conversation.js";
import { DIRECTIVE_NAMES, fillSchema, type Move, misread, readScript } from "./script.js";
import { answerTo } from "./side-requests.js";
import { countUsage, type Tokens } from "./usage.js";

/**
 * The purpose of a request. The CLI makes some by itself: `title` and `structured` during a turn, `summary` to compact the
 * conversation, `notice` when background work has ended.
 */
export type RequestKind = "turn" | "subagent" | "title" | "structured" | "summary" | "notice";

/** One message of the model, planned from the conversation alone: the same request gives the same message. */
export interface Answer {
  readonly kind: RequestKind;
  readonly id: string;
  readonly model: string;
  readonly moves: readonly Move[];
  /** The ids of the calls of the last move, in order; empty when it makes none. */
  readonly callIds: readonly string[];
  readonly stopReason: "end_turn" | "tool_use" | "refusal";
  /** Position of the first of `moves` in the whole script. */
  readonly firstMove: number;
  readonly usage: Tokens;
}

/** What the names of a client's tools begin with. */
const CLIENT_TOOL = "mcp__client__";
const MAX_REPORT = 20_000;

/** The CLI's result for a call that it did not run, or that was cut off; measured on 2.1.330. */
const REFUSED =
  /\bpermissions?\b|\b(?:needs?|requires?) approval\b|\bcan't be checked before it runs\b|\bsession ended before\b/i;

export function planAnswer(conversation: Conversation): Answer {
  const side = answerTo(conversation);
  if (side !== undefined) return finish(conversation, side.kind, [{ kind: "text", text: side.text }], 0);
  const script = readScript(conversation);
  const moves = script.length > 0 ? script : unscripted(conversation);
  const first = firstMove(conversation, moves);
  const rest = moves.slice(first).map((move) => withOfferedNames(move, conversation));
  const calls = rest.findIndex((move) => move.kind === "calls");
  const message = calls === -1 ? rest : rest.slice(0, calls + 1);
  const before = moves
    .slice(0, first)
    .filter((move) => move.kind === "pace")
    .slice(-1);
  const said = [...before, ...message, ...closing(conversation, message, moves.length > 0)];
  // The earlier pace is prepended, so the script's numbering starts one earlier.
  return finish(conversation, kindOf(conversation), said, first - before.length);
}

/** A script may name a client's tool as the client does. */
function withOfferedNames(move: Move, { tools }: Conversation): Move {
  if (move.kind !== "calls") return move;
  const named = (name: string) =>
    !tools.includes(name) && tools.includes(CLIENT_TOOL + name) ? CLIENT_TOOL + name : name;
  return { ...move, calls: move.calls.map((call) => ({ ...call, name: named(call.name) })) };
}

function kindOf({ subagent, notified }: Conversation): RequestKind {
  if (subagent) return "subagent";
  return notified ? "notice" : "turn";
}

/** The model's behaviour without directives. */
function unscripted(conversation: Conversation): readonly Move[] {
  if (conversation.notified) return [{ kind: "text", text: "Noted." }];
  if (misread(conversation).length > 0) return [];
  return fillSchema(conversation) ?? repeatRefused(conversation);
}

/** Moves that add nothing to the answer. */
const SILENT: ReadonlySet<Move["kind"]> = new Set(["pace", "pause", "open", "thinking"]);

/** The text of a message that would otherwise be empty. */
function closing(conversation: Conversation, message: readonly Move[], scripted: boolean): readonly Move[] {
  const silent = message.every(({ kind }) => SILENT.has(kind));
  return silent ? [{ kind: "text", text: closingText(conversation, scripted) }] : [];
}

function finish(
  conversation: Conversation,
  kind: RequestKind,
  moves: readonly Move[],
  first: number,
): Answer {
  const last = moves.at(-1);
  const calls = last?.kind === "calls" ? last.calls : [];
  const index = first + moves.length - 1;
  return {
    kind,
    id: `msg_demo_${randomBytes(12).toString("hex")}`,
    model: conversation.model,
    moves,
    callIds: calls.map(() => `toolu_demo_${index}_${randomBytes(10).toString("hex")}`),
    stopReason: last?.kind === "refuse" ? "refusal" : calls.length > 0 ? "tool_use" : "end_turn",
    firstMove: first,
    usage: countUsage(conversation, moves),
  };
}

/**
 * Where the script continues. A tool call's id contains its position, so any process can continue the script, even after calls
 * that were held for hours or lost.
 */
function firstMove(conversation: Conversation, moves: readonly Move[]): number {
  const place = /^toolu_demo_(\d+)_/.exec(conversation.lastCallId ?? "");
  return place === null ? 0 : Math.min(Number(place[1]) + 1, moves.length);
}

/** Like a real model, this one retries refused calls when it learns of an approval. */
function repeatRefused({ prompt, resultsBefore }: Conversation): readonly Move[] {
  if (!/\b(?:approved?|allowed|granted)\b/i.test(prompt)) return [];
  const refused = resultsBefore.filter(({ isError, text }) => isError && REFUSED.test(text));
  return refused.length === 0
    ? []
    : [{ kind: "calls", calls: refused.map(({ name, input }) => ({ name, input })) }];
}

function closingText(conversation: Conversation, scripted: boolean): string {
  if (conversation.results.length > 0) return conversation.results.map(reportResult).join("\n");
  return scripted ? "Done." : introduce(conversation);
}

function reportResult({ name, text, isError }: ToolResult): string {
  const said = text.length > MAX_REPORT ? `${text.slice(0, MAX_REPORT)}…` : text;
  return `${name} ${isError ? "failed" : "answered"}: ${said}`;
}

function introduce(conversation: Conversation): string {
  const wrong = misread(conversation)[0];
  if (wrong !== undefined) {
    return `This is the demo model. It does not understand ${wrong.source.slice(0, 200)}; its README shows how each directive is written.`;
  }
  const oneLine = conversation.prompt.replace(/\s+/g, " ").trim();
  const quote = [...oneLine.slice(0, 200)].slice(0, 60).join("");
  const cut = quote.length < oneLine.length ? "…" : "";
  const sent = conversation.attachments.map((words) => ` You sent ${words}.`).join("");
  return `This is the demo model: a script on this machine, not Claude.${sent} You wrote: "${quote}${cut}". It follows directives such as [[words 20]] (there are ${DIRECTIVE_NAMES.length}; its README lists them).`;
}
