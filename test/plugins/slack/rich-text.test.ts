import { expect } from "chai";
import { callCard, questionCard } from "#messenger/cards.js";
import { parseMarkdown } from "#messenger/markdown.js";
import { messagesOf } from "#messenger/split.js";
import { textsIn } from "#messenger/texts.js";
import { buttonBlocks, fallbackOf, richText, SIZES } from "#plugins/slack/rich-text.js";
import { HOSTILE } from "../hostile.js";
import { approvalOf } from "../offers.js";
import { complaintAboutBlocks } from "./block-rules.js";

const say = textsIn("en", { messenger: "Slack" });

/** Slack's reason to refuse a message as it is sent; undefined if it accepts it. */
function complaint({ spans, buttons = [] }: ReturnType<typeof callCard>): string | undefined {
  const blocks = [richText(spans), ...buttonBlocks(buttons, say("choose"))];
  const fallback = fallbackOf(spans);
  if (/[<>]/.test(fallback)) return `markup in the fallback: ${fallback}`;
  return complaintAboutBlocks(JSON.parse(JSON.stringify(blocks)));
}

describe("slack's rich text", () => {
  it("has Markdown's elements, without escaping", () => {
    const markdown = "**a** _b_ `c` [d](https://e.f)\n> g\n\n```ts\nh < i\n```\nend";
    const { elements } = richText(parseMarkdown(markdown));
    expect(elements.map(({ type }) => type)).to.deep.equal([
      "rich_text_section",
      "rich_text_quote",
      "rich_text_preformatted",
      "rich_text_section",
    ]);
    const flat = JSON.stringify(elements);
    expect(flat).to.contain('{"type":"text","text":"a","style":{"bold":true}}');
    expect(flat).to.contain('{"type":"link","url":"https://e.f","text":"d"}');
    expect(flat).to.contain('"text":"h < i"');
  });

  it("mentions the person who decided, and nothing that is written in a call", () => {
    const call = approvalOf({ input: { command: "echo <@U024BE7LH>" } });
    const cardOf = (who: string) =>
      callCard(call, { say, token: "t", sizes: SIZES, verdict: `✅ Approved by ${who}`, who }).spans;
    const spans = cardOf("<@U024BE7LH>");
    const block = JSON.stringify(richText(spans));
    expect(block).to.contain('{"type":"user","user_id":"U024BE7LH","style":{"bold":true}}');
    expect(block).to.contain("echo <@U024BE7LH>");
    expect(fallbackOf(spans)).to.contain("echo &lt;@U024BE7LH&gt;").and.contain("Approved by <@U024BE7LH>");
    const forged = cardOf("<!channel>");
    expect(JSON.stringify(richText(forged))).to.not.contain('"user"');
    expect(fallbackOf(forged)).to.not.contain("<");
  });

  for (const [what, text] of HOSTILE) {
    it(`shows ${what} in answers, calls, questions and buttons, within Slack's rules`, () => {
      for (const spans of messagesOf(text, SIZES)) {
        expect(complaint({ spans })).to.equal(undefined);
        expect(spans.map((span) => span.text).join("").length).to.be.at.most(SIZES.limit);
      }
      const options = { say, token: "A".repeat(16), sizes: SIZES };
      const call = approvalOf({
        tool: text.slice(0, 200),
        input: { command: text },
        keyId: text,
        workdir: text,
      });
      expect(complaint(callCard(call, options))).to.equal(undefined);
      expect(complaint(callCard(call, { ...options, verdict: text }))).to.equal(undefined);
      const choices = Array.from({ length: 9 }, (_, n) => ({ label: `${n}${text}`, description: text }));
      const questions = [{ question: text, options: [{ label: text, description: text }, ...choices] }];
      const question = approvalOf({ kind: "question", tool: "AskUserQuestion", input: { questions } });
      expect(complaint(questionCard(question, [], [], options))).to.equal(undefined);
    });
  }
});
