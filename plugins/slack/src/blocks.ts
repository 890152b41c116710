import { spellHidden } from "@claudeway/core";
import type { News } from "@claudeway/messenger";
import type { IncomingWebhookSendArguments } from "@slack/webhook";

/*
 * Slack's limits, in characters: 3000 for a section's text, 150 for a header, 75 for a button, 50 blocks. Ours are lower,
 * because Slack counts an escaped `&` as five.
 */
const MAX_TITLE = 140;
const MAX_FACT = 200;
const MAX_DETAIL = 2500;
const MAX_DIGEST = 2800;
const MAX_LINE = 240;
const MAX_URL = 3000;

/** The body of a webhook request; notifications and old clients show `text`. */
export type Message = Required<Pick<IncomingWebhookSendArguments, "text" | "blocks">> &
  Pick<IncomingWebhookSendArguments, "unfurl_links" | "unfurl_media">;

type Blocks = Message["blocks"];

/** Where a call can be decided. */
export interface DecideAt {
  /** URL of the signed page; undefined if the gateway's public address is unknown. */
  readonly url: string | undefined;
}

/** One event as a message. */
export function toMessage(news: News, decideAt?: DecideAt, lost = 0): Message {
  return message(summaryOf(news), [
    ...lossBlocks(lost),
    header(`${news.symbol} ${news.title}`),
    ...(news.where === undefined ? [] : [section(`*${inline(news.where, MAX_FACT)}*`)]),
    ...(news.detail === undefined || news.detail === "" ? [] : [preformatted(news.detail)]),
    context(news.facts.map(([name, value]) => `${name} \`${code(value)}\``).join("  ·  ")),
    ...(decideAt === undefined ? [] : decideBlocks(decideAt)),
  ]);
}

/** Several events as one message: one line each, and the number of those that did not fit. */
export function toDigest(news: readonly News[], lost = 0): Message {
  const title = `${news.length} events`;
  const lines: string[] = [];
  let length = 0;
  for (const one of news) {
    const line = `${one.symbol} *${inline(one.title, MAX_TITLE)}* ${digestFacts(one)}`;
    if (length + line.length > MAX_DIGEST) break;
    length += line.length + 1;
    lines.push(line);
  }
  const rest = news.length - lines.length;
  return message(`${title}: ${counted(news)}`, [
    ...lossBlocks(lost),
    section(`*${title}*`),
    section(lines.join("\n")),
    context([counted(news), ...(rest > 0 ? [`${rest} more not shown`] : [])].join("  ·  ")),
  ]);
}

/** The same message without blocks, for a webhook that refuses them. */
export function withoutBlocks({ text }: Message): Message {
  return message(text, []);
}

/** Escapes text for mrkdwn, so that it contains no mention, link or entity. */
export function escapeText(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

/** Escaped text of at most `most` characters after escaping. */
function escapeWithin(text: string, most: number): string {
  let escaped = "";
  for (const character of clip(text, most)) {
    const next = escapeText(character);
    if (escaped.length + next.length >= most) return `${escaped}…`;
    escaped += next;
  }
  return escaped;
}

/** The first characters of a text, without splitting an emoji. */
export function clip(text: string, most: number): string {
  if (text.length <= most) return text;
  const end = /[\ud800-\udbff]/.test(text.charAt(most - 2)) ? most - 2 : most - 1;
  return `${text.slice(0, end)}…`;
}

function summaryOf(news: News): string {
  const key = news.facts.find(([name]) => name === "key")?.[1];
  return `${news.symbol} ${inline(news.title, MAX_TITLE)}${key === undefined ? "" : ` (${inline(key, 60)})`}`;
}

function digestFacts({ facts, detail }: News): string {
  const shown = facts.slice(0, 4).map(([, value]) => `\`${code(value, 60)}\``);
  const said = detail === undefined ? [] : [`\`${code(detail, 100)}\``];
  return [...shown, ...said].join(" ");
}

function counted(news: readonly News[]): string {
  const counts = new Map<string, number>();
  for (const { kind } of news) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return [...counts].map(([kind, count]) => `${kind} ${count}`).join(", ");
}

function lossBlocks(lost: number): Blocks {
  return lost === 0 ? [] : [section(`⚠️ *Older events dropped: ${lost}*, because Slack did not accept them`)];
}

function decideBlocks({ url }: DecideAt): Blocks {
  if (url === undefined || url.length > MAX_URL) {
    return [
      context(
        "No public address is set. Decide through the API (`POST /approvals/:id`), the dashboard or Telegram",
      ),
    ];
  }
  const button = {
    type: "button",
    style: "primary",
    text: plain("Decide"),
    url,
    action_id: "decide",
  } as const;
  return [{ type: "actions", elements: [button] }];
}

function message(text: string, blocks: Blocks): Message {
  return { text, blocks, unfurl_links: false, unfurl_media: false };
}

function section(text: string): Blocks[number] {
  return { type: "section", text: { type: "mrkdwn", text, verbatim: true } };
}

function header(text: string): Blocks[number] {
  return { type: "header", text: plain(escapeWithin(spellHidden(oneLine(text)), MAX_TITLE)) };
}

function context(text: string): Blocks[number] {
  return { type: "context", elements: [{ type: "mrkdwn", text, verbatim: true }] };
}

/** Rich text is shown verbatim, without markup, so it needs no escaping. */
function preformatted(text: string): Blocks[number] {
  const element = { type: "text", text: clip(spellHidden(text), MAX_DETAIL) } as const;
  return { type: "rich_text", elements: [{ type: "rich_text_preformatted", elements: [element] }] };
}

function plain(text: string) {
  return { type: "plain_text", text } as const;
}

const LOOK_ALIKES: Readonly<Record<string, string>> = {
  "*": "\u2217",
  _: "\u02cd",
  "~": "\u223c",
  "`": "\u02cb",
};

/** One line of mrkdwn without markup. Slack cannot escape markup characters, so look-alikes replace them. */
function inline(text: string, most: number): string {
  const line = escapeWithin(spellHidden(oneLine(text)), most);
  return line.replace(/[*_~`]/g, (sign) => LOOK_ALIKES[sign] ?? sign);
}

/** One line between backticks; backticks in the text would end it. */
function code(text: string, most = MAX_FACT): string {
  const line = spellHidden(oneLine(text)).replaceAll("`", "\u02cb");
  return escapeWithin(line, Math.min(most, MAX_LINE)) || " ";
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
