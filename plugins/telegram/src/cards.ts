import { type Approval, describeCall, spellHidden } from "@claudeway/core";
import type { InlineKeyboardMarkup } from "telegraf/types";
import type { TurnResponse } from "./answers.js";
import { plainHtml } from "./html.js";
import { type Question, questionsOf } from "./questions.js";
import type { Say } from "./texts.js";

/** A message with buttons. */
export interface Card {
  readonly html: string;
  readonly keyboard: InlineKeyboardMarkup | undefined;
}

/** What a button does: approve, deny, approve for the session, choose an option, finish a question. */
export type Action = "a" | "d" | "s" | "k" | `o${number}`;

export interface CardOptions {
  readonly say: Say;
  readonly token: string;
  /** Set once decided; then there are no buttons. */
  readonly verdict?: string | undefined;
}

const MAX_CALL = 2800;
const MAX_DENIED_CALL = 500;
const MAX_DENIED_SHOWN = 5;
const MAX_NAME = 100;
const MAX_QUESTION = 1200;
const MAX_OPTION = 200;
const MAX_BUTTON = 60;
const MAX_VERDICT = 300;

/** A pending or decided tool call. */
export function callCard(approval: Approval, options: CardOptions): Card {
  const { say, verdict } = options;
  const html = [
    `🔐 <b>${line(say("mayUse", { tool: approval.tool }), MAX_NAME)}</b>`,
    callHtml(approval, MAX_CALL, say),
    `<i>${line(`${approval.keyId} · ${approval.cwd ?? approval.workdir}`, MAX_OPTION)}</i>`,
    ...verdictHtml(verdict),
  ].join("\n");
  const rows: readonly Action[][] = [["a", "d"], ["s"]];
  return { html, keyboard: verdict === undefined ? actionKeyboard(rows, options) : undefined };
}

/** Denied calls of a turn in `deny` mode; approving lets exactly these run. */
export function denialsCard(
  denials: NonNullable<TurnResponse["permission_denials"]>,
  options: CardOptions,
): Card {
  const { say, verdict } = options;
  const shown = denials.slice(0, MAX_DENIED_SHOWN);
  const rest = denials.length - shown.length;
  const html = [
    `🔐 <b>${line(say("wasDenied", { count: denials.length }), MAX_NAME)}</b>`,
    ...shown.map(({ tool_name: tool, tool_input: input }) => {
      return `<b>${line(tool, MAX_NAME)}</b>\n${callHtml({ tool, input }, MAX_DENIED_CALL, say)}`;
    }),
    ...(rest > 0 ? [`… +${rest}`] : []),
    ...verdictHtml(verdict),
  ].join("\n");
  return { html, keyboard: verdict === undefined ? actionKeyboard([["a", "d"]], options) : undefined };
}

/** A question by Claude: the open one has its options as buttons. */
export function questionCard(
  approval: Approval,
  answered: readonly string[],
  ticked: readonly string[],
  options: CardOptions,
): Card {
  const { say, verdict } = options;
  const questions = questionsOf(approval);
  const open = verdict === undefined ? questions[answered.length] : undefined;
  const shown = questions.slice(0, verdict === undefined ? answered.length + 1 : undefined);
  const html = [
    `❓ <b>${line(say("asks"), MAX_NAME)}</b>`,
    ...shown.map((question, index) =>
      questionHtml(question, answered[index], question === open, shown.length),
    ),
    ...(open === undefined ? [] : [`<i>${line(say("orReply"), MAX_OPTION)}</i>`]),
    ...verdictHtml(verdict),
  ].join("\n");
  return { html, keyboard: open === undefined ? undefined : optionKeyboard(open, ticked, options) };
}

function questionHtml(
  { question, options }: Question,
  answer: string | undefined,
  open: boolean,
  among: number,
): string {
  const most = Math.floor(MAX_QUESTION / among);
  const asked = plainHtml(spellHidden(question), most);
  if (!open) return answer === undefined ? asked : `${asked}\n→ <b>${line(answer, MAX_OPTION)}</b>`;
  const described = options.slice(0, 10).filter(({ description }) => description !== "");
  const lines = described.map(
    ({ label, description }) => `• <b>${line(label, MAX_BUTTON)}</b>: ${line(description, 120)}`,
  );
  return [asked, ...lines].join("\n");
}

function callHtml(call: Parameters<typeof describeCall>[0], most: number, say: Say): string {
  const text = describeCall(call);
  const shown = plainHtml(text, most);
  // Space at the ends is not sent: a file that ends in a newline is shown whole.
  const hidden = text.trim().length - plainLength(shown.trim());
  const language = call.tool === "Bash" ? "bash" : text.startsWith("{") ? "json" : "diff";
  const block = `<pre><code class="language-${language}">${shown}</code></pre>`;
  return hidden <= 0 ? block : `${block}\n⚠️ <b>${line(say("notShown", { count: hidden }), MAX_OPTION)}</b>`;
}

function plainLength(html: string): number {
  return html.replace(/&(?:amp|lt|gt|quot);/g, "x").length;
}

function verdictHtml(verdict: string | undefined): string[] {
  return verdict === undefined ? [] : ["", `<b>${line(verdict, MAX_VERDICT)}</b>`];
}

function actionKeyboard(
  rows: readonly (readonly Action[])[],
  { say, token }: CardOptions,
): InlineKeyboardMarkup {
  const labels = { a: `✅ ${say("approve")}`, d: `❌ ${say("deny")}`, s: say("approveSession") } as const;
  const button = (action: Action) => ({
    text: action === "a" || action === "d" || action === "s" ? labels[action] : action,
    callback_data: `${token}:${action}`,
  });
  return { inline_keyboard: rows.map((row) => row.map(button)) };
}

function optionKeyboard(
  { options, many }: Question,
  ticked: readonly string[],
  { say, token }: CardOptions,
): InlineKeyboardMarkup {
  const rows = options.map(({ label }, index) => {
    const box = many ? (ticked.includes(label) ? "☑ " : "☐ ") : "";
    return [{ text: box + buttonText(label), callback_data: `${token}:o${index}` }];
  });
  const deny = { text: `❌ ${say("deny")}`, callback_data: `${token}:d` };
  const done = { text: `✅ ${say("done")}`, callback_data: `${token}:k` };
  return { inline_keyboard: [...rows, many ? [done, deny] : [deny]] };
}

/** Telegram refuses a button without text. */
function buttonText(label: string): string {
  const clean = spellHidden(label).replace(/\s+/g, " ").trim();
  return Array.from(clean).slice(0, MAX_BUTTON).join("") || "–";
}

/** One escaped line without invisible characters. */
function line(text: string, most: number): string {
  return plainHtml(spellHidden(text).replace(/\s+/g, " ").trim(), most);
}
