import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { callCard, denialsCard, questionCard } from "#messenger/cards.js";
import type { Message as ChatMessage } from "#messenger/messenger.js";
import { askedNews, decidedNews, parkedNews, sessionNews, turnNews } from "#messenger/news.js";
import { messagesOf } from "#messenger/split.js";
import { textsIn } from "#messenger/texts.js";
import { requestPage } from "#pages/approval-page.js";
import { type Message, toDigest, toMessage } from "#plugins/slack/blocks.js";
import { feedMessage } from "#plugins/telegram/feed.js";
import { SIZES, toHtml } from "#plugins/telegram/html.js";
import { launchChromium } from "../e2e/chromium.js";
import { approvalOf, outcomeOf, turnOf } from "./offers.js";

/*
 * Draws the messages of telegram and slack, from what the plugins send, into plugins/<name>/docs, and the page behind a
 * signed link. The look of the messages is a mock-up of the apps (with their fonts, where Roboto, Lato and Noto Color Emoji
 * are installed); the content is real. Run, once all is built: node --import tsx test/plugins/pictures.ts
 */

interface Button {
  readonly text: string;
}

const say = textsIn("en");
const edit = approvalOf({
  tool: "Edit",
  input: {
    file_path: "/srv/shop/src/price.ts",
    old_string: "const VAT = 0.18;",
    new_string: "const VAT = 0.2;",
  },
  workdir: "/srv/shop",
});
const bash = approvalOf({ input: { command: "rm -rf build && npm run build" }, workdir: "/srv/shop" });
const question = approvalOf({
  kind: "question",
  tool: "AskUserQuestion",
  input: {
    questions: [
      {
        question: "Which database shall the tests use?",
        options: [
          { label: "SQLite", description: "no server, fast" },
          { label: "Postgres", description: "as in production" },
        ],
      },
    ],
  },
});
const timedOut = outcomeOf({ end: "timeout" }, { success: false, error: "the turn ran past 120 s" });
const card = { say, token: "A".repeat(16), sizes: SIZES };
const denials = [
  { tool_name: "Bash", tool_use_id: "t1", tool_input: { command: "npm publish" } },
  {
    tool_name: "Write",
    tool_use_id: "t2",
    tool_input: { file_path: "/srv/shop/.npmrc", content: "save-exact=true" },
  },
];
const ANSWER = `## Two of the tests failed
The price of **every** item was rounded *before* the tax was added:
1. \`round()\` now comes last
2. the [rule](https://example.org/vat) is 20 %
\`\`\`ts
const total = round(net * (1 + VAT), 2);
\`\`\`
> All 42 tests pass.`;

const TELEGRAM: Readonly<
  Record<string, { readonly html: string; readonly rows?: readonly (readonly Button[])[] }>
> = {
  answer: { html: messagesOf(ANSWER, SIZES).map(toHtml).join("\n") },
  approval: telegramCard(callCard(bash, card)),
  edit: telegramCard(callCard(edit, { ...card, say: textsIn("tr") })),
  decided: telegramCard(
    callCard(bash, { ...card, verdict: `✅ ${say("approvedBy", { who: "Ada L (@ada)" })}` }),
  ),
  question: telegramCard(questionCard(question, [], [], card)),
  denials: telegramCard(denialsCard(denials, card)),
  feed: { html: feedHtml() },
};

const by = { channel: "telegram", who: "Ada L (@ada)" };
const decided = {
  ...bash,
  status: "allowed",
  decision: { decision: "allow", by, at: "2030-01-01" },
} as const;
const finished = turnNews(turnOf(), outcomeOf(), say);
const failed = turnNews(turnOf({ keyId: "ci-bot" }), timedOut, say);
const started = sessionNews(
  { id: turnOf().sessionId, keyId: "alice", model: "opus", workdir: "/srv/shop" },
  "newsStarted",
  say,
);

const SLACK: Readonly<Record<string, Message>> = {
  finished: toMessage(finished),
  failure: toMessage(failed),
  session: toMessage(started),
  approval: toMessage(askedNews(bash, say), { url: "https://claude.example.org/approvals/page/x" }),
  "approval-without-address": toMessage(askedNews(edit, say), { url: undefined }),
  decided: toMessage(decidedNews(decided, say)),
  digest: toDigest([finished, started, failed, finished, decidedNews(decided, say)], 12),
};

const browser = await launchChromium();
// Twice as many pixels: on most screens a picture of one a point looks blurred.
const page = await browser.newPage({ viewport: { width: 540, height: 400 }, deviceScaleFactor: 2 });
try {
  for (const [name, { html, rows = [] }] of Object.entries(TELEGRAM))
    await draw("telegram", name, telegramPage(html, rows));
  for (const [name, message] of Object.entries(SLACK)) await draw("slack", name, slackPage(message));
  await draw("approval", "page", requestPage(bash), "html");
} finally {
  await browser.close();
}

async function draw(plugin: string, name: string, html: string, part = "main"): Promise<void> {
  const folder = fileURLToPath(new URL(`../../plugins/${plugin}/docs/`, import.meta.url));
  mkdirSync(folder, { recursive: true });
  await page.setContent(html);
  await page.locator(part).screenshot({ path: `${folder}${name}.png` });
}

function feedHtml(): string {
  const news = [
    finished,
    failed,
    parkedNews(turnOf(), say),
    decidedNews({ ...bash, status: "expired" }, say),
  ];
  return toHtml(feedMessage(news, 0, say));
}

function telegramCard({ spans, buttons = [] }: ChatMessage) {
  return { html: toHtml(spans), rows: buttons.map((row) => row.map(({ label }) => ({ text: label }))) };
}

/** A bubble of the app for phones, in its light colours. */
function telegramPage(html: string, rows: readonly (readonly Button[])[]): string {
  const buttons = rows.map(
    (row) => `<div>${row.map(({ text }) => `<button>${escaped(text)}</button>`).join("")}</div>`,
  );
  return `<style>
    body { margin: 0; font: 15px/1.36 Roboto, "DejaVu Sans", sans-serif; color: #000 }
    main { width: 452px; padding: 12px 14px 14px; background: #bcd0b0 }
    .row { display: flex; align-items: flex-end; gap: 8px } .said { flex: 1; min-width: 0 }
    .face { width: 36px; height: 36px; border-radius: 50%; background: linear-gradient(#f69a5b, #e17a3a); color: #fff; font: 500 17px/36px Roboto, sans-serif; text-align: center }
    article { background: #fff; border-radius: 15px 15px 15px 4px; padding: 6px 11px 5px; box-shadow: 0 1px 1px #0003; white-space: pre-wrap; overflow-wrap: anywhere }
    .said.with-buttons article { border-radius: 15px 15px 4px 4px }
    header { color: #d67722; font-weight: 500; font-size: 14px; display: flex; justify-content: space-between } header span { color: #a0a0a0; font-weight: 400; font-size: 12px }
    footer { text-align: right; color: #a0acb6; font-size: 12px; line-height: 1; margin: 3px -2px 1px }
    pre { background: #f1f6f9; border-left: 3px solid #5aa7dd; border-radius: 4px; margin: 3px 0; padding: 5px 9px; white-space: pre-wrap }
    pre[title]::before { content: attr(title); display: block; color: #3a8ccc; font: 500 13px Roboto, sans-serif; padding-bottom: 3px }
    code, pre { font: 13px/1.4 "DejaVu Sans Mono", monospace } :not(pre) > code { color: #3a77b8 } a { color: #2a86cf; text-decoration: none }
    blockquote { margin: 3px 0; padding: 4px 9px; border-left: 3px solid #d67722; border-radius: 4px; background: #fdf3ea; font-size: 14px }
    .said > div { display: flex; gap: 3px; margin-top: 3px } .said > div:last-child button { border-radius: 4px 4px 12px 12px } .said > div:last-child button + button { border-radius: 4px 4px 12px 4px } .said > div:last-child button:first-child:not(:last-child) { border-radius: 4px 4px 4px 12px }
    button { flex: 1; border: 0; border-radius: 4px; padding: 9px 6px; background: #4d7a6299; color: #fff; font: 500 14px Roboto, "DejaVu Sans", sans-serif }
  </style><main><section class="row"><span class="face">C</span><section class="said${rows.length > 0 ? " with-buttons" : ""}"><article><header>Claude<span>bot</span></header>${asTelegramShows(html)}<footer>14:05</footer></article>${buttons.join("")}</section></section></main>`;
}

/** A code block has its language above; blocks include the adjacent line break. */
function asTelegramShows(html: string): string {
  return html
    .replace(
      /<pre><code class="language-([\w+#.-]+)">([\s\S]*?)<\/code><\/pre>/g,
      (_, language: string, code: string) => `<pre title="${language}">${code}</pre>`,
    )
    .replace(/\n?(<(pre|blockquote)[\s\S]*?<\/\2>)\n?/g, "$1");
}

/** A message in a channel, in Slack's light colours. */
function slackPage({ blocks }: Message): string {
  return `<style>
    body { margin: 0; font: 15px/1.46 Lato, "DejaVu Sans", sans-serif; color: #1d1c1d; background: #fff }
    main { width: 500px; padding: 10px 18px 14px; display: flex; gap: 9px } .said { flex: 1; min-width: 0 }
    .face { width: 36px; height: 36px; border-radius: 5px; background: #4a154b; color: #fff; font: 900 18px/36px Lato, sans-serif; text-align: center }
    .who b { font-weight: 900 } .who i { font: 700 10px/1 Lato, sans-serif; background: #e8e8e8; color: #616061; border-radius: 2px; padding: 2px 4px; vertical-align: 1px } .who span { color: #616061; font-size: 12px }
    h3 { margin: 4px 0 6px; font: 900 18px/1.3 Lato, "DejaVu Sans", sans-serif } p { margin: 0 0 6px; white-space: pre-wrap; overflow-wrap: anywhere }
    small { display: block; color: #616061; font-size: 13px; overflow-wrap: anywhere; margin: 4px 0 }
    code { font: 12px "DejaVu Sans Mono", monospace; color: #c01343; background: #1d1c1d0a; border: 1px solid #1d1c1d21; border-radius: 3px; padding: 1px 3px } small code { font-size: 11px }
    pre { font: 12px/1.5 "DejaVu Sans Mono", monospace; background: #1d1c1d0a; border: 1px solid #1d1c1d21; border-radius: 4px; padding: 8px; margin: 4px 0; white-space: pre-wrap; overflow-wrap: anywhere }
    button { background: #007a5a; color: #fff; border: 0; border-radius: 4px; padding: 0 12px; height: 32px; font: 700 13px Lato, "DejaVu Sans", sans-serif; margin-top: 4px }
  </style><main><span class="face">C</span><section class="said"><div class="who"><b>Claudeway</b> <i>APP</i> <span>14:05</span></div>${blocks.map((block) => slackBlock(JSON.parse(JSON.stringify(block)))).join("")}</section></main>`;
}

interface SlackBlock {
  readonly type: string;
  readonly text?: { readonly text: string };
  readonly elements?: readonly {
    readonly text: string | { readonly text: string };
    readonly elements?: readonly { readonly text: string }[];
  }[];
}

function slackBlock({ type, text, elements = [] }: SlackBlock): string {
  const [first] = elements;
  const own =
    first === undefined ? "" : typeof first.text === "string" ? first.text : (first.text?.text ?? "");
  if (type === "header") return `<h3>${text?.text}</h3>`;
  if (type === "section") return `<p>${mrkdwn(text?.text ?? "")}</p>`;
  if (type === "context") return `<small>${mrkdwn(own)}</small>`;
  if (type === "actions") return `<div><button>${escaped(own)}</button></div>`;
  return `<pre>${escaped(first?.elements?.[0]?.text ?? "")}</pre>`;
}

/** As Slack reads it: the text is escaped already. */
function mrkdwn(text: string): string {
  return text.replace(/`([^`]*)`/g, "<code>$1</code>").replace(/\*([^*]+)\*/g, "<b>$1</b>");
}

function escaped(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}
