import { type Approval, describeCall, spellHidden } from "@claudeway/core";
import type { Button, Buttons, Message } from "./messenger.js";
import { whereOf } from "./news.js";
import { type Question, questionsOf } from "./questions.js";
import { BOLD, bold, italic, plain, type Span, withUser } from "./spans.js";
import { clip, type Sizes, sendable } from "./split.js";
import type { Say } from "./texts.js";
import type { TurnResponse } from "./turn-shown.js";

/**
 * What a button does: approve, deny, approve for the session, choose an option of a question, finish a question. The
 * number of the question is in it: a second press on one question must not answer the next one.
 */
export type Action = "a" | "d" | "s" | `q${number}k` | `q${number}o${number}`;

export interface CardOptions {
  readonly say: Say;
  readonly token: string;
  readonly sizes: Sizes;
  /** Set once decided; then there are no buttons. */
  readonly verdict?: string | undefined;
  /** The person in the verdict, as the messenger names them. */
  readonly who?: string | undefined;
}

type PermissionDenial = NonNullable<TurnResponse["permission_denials"]>[number];

const MAX_CALL = 2800;
const MAX_DENIED_CALL = 500;
/** Denied calls on one card: what is not shown is not approved. */
export const MAX_DENIED_SHOWN = 5;
const MAX_NAME = 100;
const MAX_QUESTION = 1200;
/** All answered questions above the open one together, and all of their answers. */
const MAX_ANSWERED = 450;
const MAX_ANSWERS = 750;
/** All options that are listed together, and what each of them needs besides its text. */
const MAX_OPTIONS = 1200;
const OPTION_MARKUP = 15;
const MAX_OPTION = 200;
const MAX_BUTTON = 60;
export const MAX_VERDICT = 300;

/** A pending or decided tool call. */
export function callCard(approval: Approval, options: CardOptions): Message {
  const { say, verdict, sizes } = options;
  const spans = lines([
    [plain("🔐 "), bold(line(say("mayUse", { tool: approval.tool }), MAX_NAME, sizes))],
    ...whereLines(approval, options),
    callSpans(approval, MAX_CALL, options),
    [italic(line(`${approval.keyId} · ${approval.cwd ?? approval.workdir}`, MAX_OPTION, sizes))],
    ...verdictLines(options),
  ]);
  return { spans, buttons: verdict === undefined ? actionButtons([["a", "d"], ["s"]], options) : undefined };
}

/** Up to `MAX_DENIED_SHOWN` denied calls of a turn in `deny` mode; approving lets exactly these run. `rest`: how many more. */
export function denialsCard(denials: readonly PermissionDenial[], options: CardOptions, rest = 0): Message {
  const { say, verdict, sizes } = options;
  const spans = lines([
    [plain("🔐 "), bold(line(say("wasDenied", { count: denials.length }), MAX_NAME, sizes))],
    ...denials.flatMap((denial) => denialLines(denial, options)),
    ...(rest > 0 ? [[plain(`… +${rest}`)]] : []),
    ...verdictLines(options),
  ]);
  return { spans, buttons: verdict === undefined ? actionButtons([["a", "d"]], options) : undefined };
}

/** A question by Claude: the open one has its options as buttons. */
export function questionCard(
  approval: Approval,
  answered: readonly string[],
  ticked: readonly string[],
  options: CardOptions,
): Message {
  const { say, verdict, sizes } = options;
  const questions = questionsOf(approval);
  const open = verdict === undefined ? questions[answered.length] : undefined;
  const closed = open === undefined ? questions : questions.slice(0, answered.length);
  const most = Math.floor((open === undefined ? MAX_QUESTION : MAX_ANSWERED) / closed.length);
  const mostOfAnswer = Math.min(MAX_OPTION, Math.floor(MAX_ANSWERS / closed.length));
  const spans = lines([
    [plain("❓ "), bold(line(say("asks"), MAX_NAME, sizes))],
    ...closed.flatMap(({ question }, index) => [
      [plain(cut(spellHidden(question), most, sizes).text)],
      ...answerLines(answered[index], mostOfAnswer, sizes),
    ]),
    ...(open === undefined ? [] : openLines(open, options)),
    ...verdictLines(options),
  ]);
  const buttons = open && optionButtons(open, answered.length, ticked, options);
  return { spans, buttons };
}

/** Joins lines of spans. */
function lines(all: readonly (readonly Span[])[]): Span[] {
  return all.flatMap((spans, index) => (index === 0 ? spans : [plain("\n"), ...spans]));
}

function answerLines(answer: string | undefined, most: number, sizes: Sizes): Span[][] {
  return answer === undefined ? [] : [[plain("→ "), bold(line(answer, most, sizes))]];
}

/** The open question; options are listed for what their buttons do not show. */
function openLines({ question, options: choices }: Question, options: CardOptions): Span[][] {
  const { say, sizes } = options;
  const asked = cut(spellHidden(question), MAX_QUESTION, sizes);
  const listed = choices
    .map(({ label, description }, index) => ({ label, description, ...buttonText(label, index, sizes) }))
    .filter(({ description, hidden }) => description.trim() !== "" || hidden > 0);
  const most = Math.max(0, Math.floor(MAX_OPTIONS / listed.length) - OPTION_MARKUP);
  const shown = listed.map(({ label, description, mark }) => {
    const name = cut(oneLine(label), Math.min(MAX_OPTION, most), sizes);
    const said = cut(oneLine(description), most - sizes.text(name.text), sizes);
    const spans = [plain(mark), bold(name.text), ...(said.text === "" ? [] : [plain(`: ${said.text}`)])];
    return { spans, hidden: name.hidden + said.hidden };
  });
  const hidden = shown.reduce((sum, one) => sum + one.hidden, asked.hidden);
  return [
    [plain(asked.text)],
    ...shown.map(({ spans }) => spans),
    ...(hidden > 0 ? [warningSpans(hidden, options)] : []),
    [italic(line(say("orReply"), MAX_OPTION, sizes))],
  ];
}

function whereLines(approval: Approval, { sizes }: CardOptions): Span[][] {
  const where = whereOf(approval);
  return where === undefined ? [] : [[bold(line(where, MAX_OPTION, sizes))]];
}

function denialLines(denial: PermissionDenial, options: CardOptions): Span[][] {
  const { tool_name: tool, tool_input: input, cwd } = denial;
  const { sizes } = options;
  // Set only if it is not the turn's directory.
  const where = cwd === undefined ? "" : line(`in ${cwd}:`, MAX_OPTION, sizes);
  return [
    [bold(line(tool, MAX_NAME, sizes))],
    ...(where === "" ? [] : [[bold(where)]]),
    callSpans({ tool, input }, MAX_DENIED_CALL - sizes.text(where), options),
  ];
}

function callSpans(call: Parameters<typeof describeCall>[0], most: number, options: CardOptions): Span[] {
  const { sizes } = options;
  const text = describeCall(call);
  const shown = clip(text, most, sizes);
  // Space at the ends is not sent: a file that ends in a newline is shown whole.
  const hidden = sendable(text).trim().length - shown.trim().length;
  const language = call.tool === "Bash" ? "bash" : text.startsWith("{") ? "json" : "diff";
  const block: Span = { text: shown, tags: [{ kind: "pre", language }] };
  if (hidden <= 0) return [block];
  return [block, plain("\n"), ...warningSpans(hidden, options)];
}

function warningSpans(hidden: number, { say, sizes }: CardOptions): Span[] {
  return [plain("⚠️ "), bold(line(say("notShown", { count: hidden }), MAX_OPTION, sizes))];
}

function verdictLines({ verdict, who, sizes }: CardOptions): Span[][] {
  return verdict === undefined ? [] : [[plain("")], withUser(line(verdict, MAX_VERDICT, sizes), who, [BOLD])];
}

function actionButtons(rows: readonly (readonly ("a" | "d" | "s")[])[], options: CardOptions): Buttons {
  const { say } = options;
  const labels = { a: `✅ ${say("approve")}`, d: `❌ ${say("deny")}`, s: say("approveSession") } as const;
  const styles = { a: "primary", d: "danger", s: undefined } as const;
  return rows.map((row) => row.map((action) => button(labels[action], action, options, styles[action])));
}

function optionButtons(
  question: Question,
  number: number,
  ticked: readonly string[],
  options: CardOptions,
): Buttons {
  const { say, sizes } = options;
  const { many } = question;
  const rows = question.options.map(({ label }, index) => {
    const box = many ? (ticked.includes(label) ? "☑ " : "☐ ") : "";
    return [button(box + buttonText(label, index, sizes).text, `q${number}o${index}`, options)];
  });
  const deny = button(`❌ ${say("deny")}`, "d", options);
  return [...rows, many ? [button(`✅ ${say("done")}`, `q${number}k`, options), deny] : [deny]];
}

function button(label: string, action: Action, { token }: CardOptions, style?: Button["style"]): Button {
  return { label, data: `${token}:${action}`, ...(style !== undefined && { style }) };
}

/** An option's button, and the mark that it is listed with: a number where the button does not show all of its label. */
function buttonText(label: string, index: number, sizes: Sizes) {
  const { text, hidden } = cut(oneLine(label), MAX_BUTTON, sizes);
  const mark = hidden > 0 ? `${index + 1}. ` : "• ";
  // A button without text is refused.
  return { mark, hidden, text: hidden > 0 ? mark + text : text || "–" };
}

/** One line without invisible characters. */
export function line(text: string, most: number, sizes: Sizes): string {
  return cut(oneLine(text), most, sizes).text;
}

function oneLine(text: string): string {
  return spellHidden(text).replace(/\s+/g, " ").trim();
}

/** As much of a text as fits; what is cut ends with an ellipsis. `hidden`: how many characters are left out. */
function cut(text: string, most: number, sizes: Sizes): { readonly text: string; readonly hidden: number } {
  const whole = sendable(text).trim();
  if (sizes.text(whole) <= most) return { text: whole, hidden: 0 };
  const shown = clip(whole, most - 1, sizes).trim();
  return { text: `${shown}…`, hidden: whole.length - shown.length };
}
