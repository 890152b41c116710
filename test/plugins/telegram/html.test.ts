import { expect } from "chai";
import { messagesOf } from "#messenger/split.js";
import { LANGUAGES, textsIn } from "#messenger/texts.js";
import { SIZES, toHtml } from "#plugins/telegram/html.js";
import { HOSTILE } from "../hostile.js";
import { complainAboutHtml, visibleText } from "./telegram-html.js";

const toMessages = (markdown: string) => messagesOf(markdown, SIZES).map(toHtml);

describe("telegram's HTML", () => {
  const CASES: readonly (readonly [markdown: string, html: string])[] = [
    ["plain", "plain"],
    ["**bold** and __bold__", "<b>bold</b> and <b>bold</b>"],
    ["*it* and _it_ and ~~no~~", "<i>it</i> and <i>it</i> and <s>no</s>"],
    ["**bold *both***", "<b>bold <i>both</i></b>"],
    ["snake_case_name and 2 * 3 * 4", "snake_case_name and 2 * 3 * 4"],
    ["`a < b` and ``x ` y``", "<code>a &lt; b</code> and <code>x ` y</code>"],
    ["**not `in` bold**", "<b>not </b><code>in</code><b> bold</b>"],
    ["```ts\nconst a = 1 < 2;\n```", '<pre><code class="language-ts">const a = 1 &lt; 2;</code></pre>'],
    ["```\nno end", "<pre>no end</pre>"],
    ["~~~\n```\n~~~\nafter", "<pre>```</pre>\nafter"],
    [
      "1. run\n    ```sh\n    # a comment\n      ls\n    ```\n2. done",
      '1. run\n<pre><code class="language-sh"># a comment\n  ls</code></pre>\n2. done',
    ],
    ["# C#", "<b>C#</b>"],
    ["## Title ##", "<b>Title</b>"],
    ["# Title\ntext", "<b>Title</b>\ntext"],
    ["- one\n- [x] two\n  - three\n1. four", "• one\n☑ two\n  • three\n1. four"],
    ["> said\n> twice", "<blockquote>said\ntwice</blockquote>"],
    ["[Claude](https://claude.ai)", '<a href="https://claude.ai">Claude</a>'],
    ["[`a.ts`](https://a.b/a.ts)", '<a href="https://a.b/a.ts">a.ts</a>'],
    ["[x] see [it](https://a.b/c_(d))", '[x] see <a href="https://a.b/c_(d)">it</a>'],
    ["[file](src/a.ts)", "[file](src/a.ts)"],
    ['[x](javascript:alert(1) "t")', "[x](javascript:alert(1) &quot;t&quot;)"],
    ['[x](https://a.b/"onclick=1)', '<a href="https://a.b/%22onclick=1">x</a>'],
    ["| a | b |\n|---|---|\n| 1 | 2 |", "<pre>a | b\n--+--\n1 | 2</pre>"],
    ["a | b\n-- | --\n1 | 2", "<pre>a | b\n--+--\n1 | 2</pre>"],
    [
      "| name | price |\n|---|--:|\n| **ölçü** | 3 |\n| 日本 | `12` |",
      "<pre>name | price\n-----+------\nölçü |     3\n日本 |    12</pre>",
    ],
    [`|a|${"x".repeat(120)}|\n|-|-|`, `<pre>|a|${"x".repeat(120)}|\n|-|-|</pre>`],
    ["one\ntwo\n\nthree\n\n\n\nfour", "one\ntwo\n\nthree\n\nfour"],
    ["Title\n=====\ntext", "<b>Title</b>\ntext"],
    ["- \n- [ ] **two**\n\n  more", "• \n☐ <b>two</b>\n\nmore"],
    ["2) a\n3) b", "2) a\n3) b"],
    ["- - a\n> - b", "• • a\n<blockquote>• b</blockquote>"],
    ["> a\n>\n> > b\n\n> c", "<blockquote>a\n\nb</blockquote>\n\n<blockquote>c</blockquote>"],
    ["> ```\n> x\n> ```", "<blockquote><pre>x</pre></blockquote>"],
    ["**a __b__ c**", "<b>a b c</b>"],
    [
      "![a *b*](https://a.b/c.png) ![](https://a.b)",
      '<a href="https://a.b/c.png">a *b*</a> <a href="https://a.b">https://a.b</a>',
    ],
    ["[![a](https://a.b/c.png)](https://d.e)", '<a href="https://d.e">a</a>'],
    ["[a]: https://a.b\n[a]", "[a]: https://a.b\n[a]"],
    ["<https://a.b> <javascript:x>", '<a href="https://a.b">https://a.b</a> &lt;javascript:x&gt;'],
    ["a\n***", "a\n———"],
    [`${"> ".repeat(100)}deep`, `${"&gt; ".repeat(100)}deep`],
    ["a | b\n- one | two", "a | b\n• one | two"],
    ["a & b <script> &amp;", "a &amp; b &lt;script&gt; &amp;amp;"],
    ["\\*not\\* \\`this\\`", "*not* `this`"],
    ["**open", "**open"],
    ["---", "———"],
  ];
  for (const [markdown, html] of CASES) {
    it(`of ${JSON.stringify(markdown)}`, () => {
      expect(toMessages(markdown)).to.deep.equal([html]);
      expect(complainAboutHtml(html)).to.equal(undefined);
    });
  }

  for (const [what, text] of HOSTILE) {
    it(`renders ${what} in messages that Telegram accepts, without loss`, () => {
      for (const markdown of [
        text,
        `**${text}**`,
        `\`\`\`\n${text}\n\`\`\``,
        `> ${text}`,
        `[${text}](https://a.b)`,
        `# ${text}`,
      ]) {
        const messages = toMessages(markdown);
        for (const html of messages) {
          expect(html.length).to.be.at.most(4096);
          expect(complainAboutHtml(html), html.slice(0, 200)).to.equal(undefined);
          expect(visibleText(html).trim()).not.to.equal("");
        }
        // Link URLs and language names are not text.
        if (/\]\(|```"/.test(text)) continue;
        const letters = (value: string) => value.replace(/[^\p{L}\p{N}]/gu, "");
        const expected = letters(markdown.startsWith("[") ? text : markdown);
        expect(letters(visibleText(messages.join("")))).to.contain(expected.slice(0, 500));
      }
    });
  }

  it("never splits an emoji sequence, an accented letter or a flag", () => {
    const units = ["👩‍👩‍👧‍👦", "🇹🇷", "é", "👍🏽", "क्षि"];
    for (const unit of units) {
      const messages = toMessages(unit.repeat(6000));
      expect(messages.length).to.be.above(1);
      for (const html of messages) expect(html.replaceAll(unit, "")).to.equal("");
    }
  });

  it("closes and reopens elements at a split, and splits at lines", () => {
    const lines = Array.from({ length: 400 }, (_, n) => `line ${n} < & > "quoted"`);
    const messages = toMessages(`intro\n\`\`\`sh\n${lines.join("\n")}\n\`\`\`\n**end**`);
    expect(messages.length).to.be.above(2);
    for (const html of messages.slice(1, -1)) {
      expect(html).to.match(/^<pre><code class="language-sh">line \d+ .*quoted&quot;<\/code><\/pre>$/s);
    }
    expect(
      messages
        .map(visibleText)
        .join("\n")
        .match(/line \d+ /g),
    ).to.have.length(400);
  });

  it("is empty if nothing is visible", () => {
    for (const nothing of ["", " \n\t", "\u200b\u200d", "\u2800", "``` \n```"]) {
      expect(toMessages(nothing), JSON.stringify(nothing)).to.deep.equal([]);
    }
  });
});

describe("telegram's texts", () => {
  it("exist in every language, with the same placeholders", () => {
    const { en, ...others } = LANGUAGES;
    const slots = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort();
    for (const [language, texts] of Object.entries(others)) {
      expect(Object.keys(texts), language).to.deep.equal(Object.keys(en));
      for (const [index, text] of Object.values(texts).entries()) {
        expect(slots(text), `${language}: ${text}`).to.deep.equal(slots(Object.values(en)[index] ?? ""));
        expect(text.trim()).not.to.equal("");
      }
    }
    expect(textsIn("tr")("approve")).to.equal("Onayla");
    expect(textsIn("tr")("deny")).to.equal("Reddet");
    expect(textsIn("en")("mayUse", { tool: "{tool} $& Bash" })).to.equal("May Claude use {tool} $& Bash?");
    expect(textsIn("en", { messenger: "Slack" })("fileLost")).to.contain("from Slack");
  });
});
