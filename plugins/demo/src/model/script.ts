import { bashCall, CALL_NAMES, readCalls, type ToolCall } from "./calls.js";
import { type Conversation, OUTPUT_TOOL } from "./conversation.js";
import { type Directive, findDirectives } from "./directives.js";
import { isObject, parseJson } from "./json.js";
import { sampleOf } from "./sample.js";

/** One action of the model; a message is a sequence of them, up to and including the first `calls`. */
export type Move =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "thinking"; readonly text: string }
  | { readonly kind: "calls"; readonly calls: readonly ToolCall[] }
  /** Milliseconds between two pieces from here on. */
  | { readonly kind: "pace"; readonly ms: number }
  | { readonly kind: "pause"; readonly ms: number }
  /** Opens the message: a failure right after it happens in mid stream, not as an HTTP status. */
  | { readonly kind: "open" }
  /** `times`: how many attempts fail before one gets through; Infinity for all. */
  | {
      readonly kind: "fail";
      readonly status: number;
      readonly message: string;
      readonly times: number;
      /** The account's usage limit is reached: every request is refused until it is lifted. */
      readonly limit?: { readonly name: string; readonly secs: number };
    }
  /** Ends the message as refused by the model's safeguards. */
  | { readonly kind: "refuse" }
  | { readonly kind: "hang" }
  /** The connection drops; `times` as for `fail`. */
  | { readonly kind: "cut"; readonly times: number };

type ReadMoves = (rest: string, conversation: Conversation) => readonly Move[] | undefined;

const MAX_TEXT_WORDS = 1_000_000;
const MAX_TOOLS = 1_000;
const MAX_PAUSE_MS = 3_600_000;

const FORMS: Readonly<Record<string, ReadMoves>> = {
  words: (rest) =>
    withNumber(rest, MAX_TEXT_WORDS, (count) => [{ kind: "text", text: countingWords(count) }]),
  say: (rest) => (rest === "" ? undefined : [{ kind: "text", text: rest }]),
  echo: (_rest, { prompt }) => [{ kind: "text", text: prompt }],
  recall: (_rest, { earlier }) => [{ kind: "text", text: recall(earlier) }],
  think: (rest) => [
    { kind: "thinking", text: rest === "" ? "The script says to think, so here is a thought." : rest },
  ],
  slow: (rest) => withNumber(rest, MAX_PAUSE_MS, (ms) => [{ kind: "pace", ms }]),
  wait: (rest) => withNumber(rest, MAX_PAUSE_MS, (ms) => [{ kind: "pause", ms }]),
  open: () => [{ kind: "open" }],
  fail: readFailure,
  limit: readLimit,
  refuse: () => [{ kind: "text", text: "I can't help with that." }, { kind: "refuse" }],
  hang: () => [{ kind: "hang" }],
  cut: readCut,
  fill: (rest, conversation) => fillSchema(conversation, rest === "" ? undefined : (parseJson(rest) ?? null)),
  tools: (rest) => withNumber(rest, MAX_TOOLS, countingTools),
  // Nothing now; runs when background work has ended.
  noticed: (rest) => (findDirectives(rest).length > 0 ? [] : undefined),
  again: (_rest, { resultsBefore }) => {
    const calls = resultsBefore.filter(({ isError }) => isError).map(({ name, input }) => ({ name, input }));
    return calls.length === 0 ? [{ kind: "text", text: "Nothing was refused." }] : [{ kind: "calls", calls }];
  },
};

/** Every directive's name; `[[{"tool": …}]]` has none. */
export const DIRECTIVE_NAMES: readonly string[] = [
  ...new Set([...Object.keys(FORMS), ...CALL_NAMES, "both"]),
].sort();

/**
 * The directives of the prompt, or of the system prompt if the prompt has none (for prompts that must not change). Empty if
 * neither has any; malformed directives are skipped.
 */
export function readScript(conversation: Conversation): readonly Move[] {
  if (conversation.notified) return readNoticeScript(conversation);
  const ofPrompt = readMoves(conversation.prompt, conversation);
  return ofPrompt.length > 0 ? ofPrompt : readMoves(conversation.system, conversation);
}

/** Gives the structured output that the caller asked for: the value, or the smallest that the schema allows. */
export function fillSchema(
  { outputSchema, prompt }: Conversation,
  value?: unknown,
): readonly Move[] | undefined {
  if (outputSchema === undefined) return undefined;
  const input =
    value !== undefined
      ? value
      : sampleOf(outputSchema, `Demo: ${prompt.replace(/\s+/g, " ").slice(0, 40).trim()}`);
  return isObject(input) ? [{ kind: "calls", calls: [{ name: OUTPUT_TOOL, input }] }] : undefined;
}

/** The content of the latest `[[noticed …]]` in the caller's prompts, which runs when background work has ended. */
function readNoticeScript(conversation: Conversation): readonly Move[] {
  const { prompt, earlier } = conversation;
  const script = [...earlier, prompt].flatMap(findDirectives).findLast(({ name }) => name === "noticed");
  return script === undefined ? [] : readMoves(script.rest, conversation);
}

/** Directives with a known name and malformed arguments. */
export function misread(conversation: Conversation): readonly Directive[] {
  return findDirectives(conversation.prompt).filter(
    (directive) => DIRECTIVE_NAMES.includes(directive.name) && movesOf(directive, conversation) === undefined,
  );
}

function readMoves(text: string, conversation: Conversation): Move[] {
  return findDirectives(text).flatMap((directive) => movesOf(directive, conversation) ?? []);
}

function movesOf(directive: Directive, conversation: Conversation): readonly Move[] | undefined {
  const read = Object.hasOwn(FORMS, directive.name) ? FORMS[directive.name] : undefined;
  const moves = read?.(directive.rest, conversation);
  if (moves !== undefined) return moves;
  const calls = readCalls(directive);
  return calls === undefined ? undefined : [{ kind: "calls", calls }];
}

function readFailure(rest: string): readonly Move[] | undefined {
  const parts = /^(?:(\d{1,3})x\s+)?([45]\d\d)(?:\s+([\s\S]+))?$/.exec(rest);
  if (parts === null) return undefined;
  const status = Number(parts[2]);
  return [
    {
      kind: "fail",
      status,
      message: parts[3] ?? `The script answers with ${status}.`,
      times: readTimes(parts[1]),
    },
  ];
}

function readLimit(rest: string): readonly Move[] | undefined {
  const [, name = "", secs] = /^([a-z_]{1,40})\s+(\d{1,7})$/.exec(rest) ?? [];
  if (secs === undefined) return undefined;
  const message = "This request would exceed your account's rate limit. Please try again later.";
  return [{ kind: "fail", status: 429, message, times: 1, limit: { name, secs: Number(secs) } }];
}

function readCut(rest: string): readonly Move[] | undefined {
  const parts = /^(?:(\d{1,3})x)?$/.exec(rest);
  if (parts === null) return undefined;
  // After some text, the CLI asks three times for a continuation; without any, it retries for three minutes.
  return [
    { kind: "text", text: "And then the line" },
    { kind: "cut", times: readTimes(parts[1]) },
  ];
}

function readTimes(digits: string | undefined): number {
  return digits === undefined ? Number.POSITIVE_INFINITY : Number(digits);
}

function withNumber(
  rest: string,
  most: number,
  moves: (value: number) => readonly Move[],
): readonly Move[] | undefined {
  return /^\d{1,9}$/.test(rest) ? moves(Math.min(Number(rest), most)) : undefined;
}

function countingWords(count: number): string {
  return Array.from({ length: count }, (_, i) => `word${i + 1}`).join(" ");
}

function countingTools(count: number): Move[] {
  return Array.from({ length: count }, (_, i) => {
    const command = `echo tool ${i + 1} of ${count}`;
    return { kind: "calls", calls: [bashCall(command, `Demo command ${i + 1}`)] };
  });
}

function recall(earlier: readonly string[]): string {
  const prompts = earlier.length === 1 ? "1 earlier prompt" : `${earlier.length} earlier prompts`;
  return `I remember ${prompts}: ${JSON.stringify(earlier)}`;
}
