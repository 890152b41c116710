import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { requestPage } from "../../core/dist/approvals/page.js";
import { type Message, toDigest, toMessage } from "../../plugins/slack/dist/blocks.js";
import { askedNews, decidedNews, sessionNews, turnNews } from "../../plugins/slack/dist/news.js";
import { callCard, denialsCard, questionCard } from "../../plugins/telegram/dist/cards.js";
import { newsHtml } from "../../plugins/telegram/dist/feed.js";
import { toMessages } from "../../plugins/telegram/dist/html.js";
import * as telegramNews from "../../plugins/telegram/dist/news.js";
import { textsIn } from "../../plugins/telegram/dist/texts.js";
import { launchChromium } from "../e2e/chromium.js";
import { approvalOf, outcomeOf, turnOf } from "./offers.js";

/*
 * Draws the messages of telegram and slack, from what the plugins send, into plugins/<name>/docs, and the page behind a
 * signed link. The look of the messages is a mock-up of the apps; the content is real. Run: node --import tsx test/plugins/pictures.ts
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
const card = { say, token: "A".repeat(16) };
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
  answer: { html: toMessages(ANSWER).join("\n") },
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
const finished = turnNews(turnOf(), outcomeOf());
const failed = turnNews(turnOf({ keyId: "ci-bot" }), timedOut);
const started = sessionNews(
  { id: turnOf().sessionId, keyId: "alice", model: "opus", workdir: "/tmp/w/1" },
  "started",
);

const SLACK: Readonly<Record<string, Message>> = {
  finished: toMessage(finished),
  failure: toMessage(failed),
  session: toMessage(started),
  approval: toMessage(askedNews(bash), { url: "https://claude.example.org/approvals/page/x" }),
  "approval-without-address": toMessage(askedNews(edit), { url: undefined }),
  decided: toMessage(decidedNews(decided)),
  digest: toDigest([finished, started, failed, finished, decidedNews(decided)], 12),
};

const browser = await launchChromium();
const page = await browser.newPage({ viewport: { width: 480, height: 400 } });
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
  const lines = [
    telegramNews.turnNews(turnOf(), outcomeOf(), say),
    telegramNews.turnNews(turnOf({ keyId: "ci-bot" }), timedOut, say),
    telegramNews.parkedNews(turnOf(), say),
    telegramNews.expiredNews(bash, say),
  ];
  return lines.map(newsHtml).join("\n");
}

function telegramCard({ html, keyboard }: ReturnType<typeof callCard>) {
  return { html, rows: keyboard?.inline_keyboard ?? [] };
}

function telegramPage(html: string, rows: readonly (readonly Button[])[]): string {
  const buttons = rows.map(
    (row) => `<div>${row.map(({ text }) => `<button>${escaped(text)}</button>`).join("")}</div>`,
  );
  return `<style>
    body { margin: 0; font: 15px/1.35 "DejaVu Sans", sans-serif } main { width: 440px; padding: 14px; background: #c5d8b5 }
    article { background: #fff; border-radius: 12px; padding: 8px 12px; white-space: pre-wrap }
    header { color: #3a8c3f; font-weight: bold } pre { background: #f1f4f0; border-left: 3px solid #5aa35f; margin: 4px 0; padding: 6px 8px; white-space: pre-wrap }
    code, pre { font: 13px/1.35 "DejaVu Sans Mono", monospace; color: #31572f } blockquote { margin: 4px 0; padding: 4px 8px; border-left: 3px solid #5aa35f; background: #f1f8ef }
    div { display: flex; gap: 4px; margin-top: 4px } button { flex: 1; border: 0; border-radius: 8px; padding: 8px; background: #6f9a63cc; color: #fff; font: inherit }
  </style><main><article><header>Claude</header>${html}</article>${buttons.join("")}</main>`;
}

function slackPage({ blocks }: Message): string {
  return `<style>
    body { margin: 0; font: 15px/1.45 "DejaVu Sans", sans-serif } main { width: 452px; padding: 14px; color: #1d1c1d }
    h3 { margin: 0 0 4px; font-size: 17px } p { margin: 0 0 6px; white-space: pre-wrap } small { color: #616061; overflow-wrap: anywhere }
    code { font: 12px "DejaVu Sans Mono", monospace; color: #c01343; background: #f6f6f6; border: 1px solid #ddd; border-radius: 3px; padding: 0 3px }
    pre { font: 12px/1.5 "DejaVu Sans Mono", monospace; background: #f8f8f8; border: 1px solid #ddd; border-radius: 4px; padding: 8px; margin: 4px 0; white-space: pre-wrap }
    button { background: #007a5a; color: #fff; border: 0; border-radius: 4px; padding: 7px 12px; font: bold 14px "DejaVu Sans"; margin-top: 6px }
  </style><main><b>Claudeway</b> <small>APP</small>${blocks.map((block) => slackBlock(JSON.parse(JSON.stringify(block)))).join("")}</main>`;
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
