import { expect } from "chai";
import { askedNews, decidedNews, turnNews } from "#messenger/news.js";
import { textsIn } from "#messenger/texts.js";
import { escapeText, toDigest, toMessage } from "#plugins/slack/blocks.js";

import { approvalOf, outcomeOf, turnOf } from "../offers.js";
import { complaint, type Payload } from "./slack-server.js";

const HOSTILE: readonly (readonly [what: string, text: string])[] = [
  ["a mention of everybody", "<!channel> <!here> <!everyone>"],
  ["a mention of one", "<@U123> <#C123>"],
  ["a link that lies", "<https://evil.example|https://good.example>"],
  ["an entity", "&lt;!channel&gt; &amp;"],
  ["ampersands only", "&".repeat(100_000)],
  ["100 kB", "x".repeat(100_000)],
  ["100 kB of lines", "x\n".repeat(50_000)],
  ["100 kB of stars", "*".repeat(100_000)],
  ["emoji", "👩‍👩‍👧‍👦".repeat(5000)],
  ["half an emoji", "\ud83d".repeat(500)],
  ["right to left override", "safe\u202egnp.exe"],
  ["right to left text", "مرحبا بالعالم".repeat(300)],
  ["zero width", "rm\u200b -rf\u200d /\u2060"],
  ["zalgo", `a${"\u0301".repeat(5000)}`],
  ["control characters", "\u0000\u0007\u001b[31mred\u001b[0m"],
  ["backticks", "``` ` `` ```"],
  ["markup", "*bold* _it_ ~no~ `code` > quote"],
  ["nothing", ""],
  ["blanks", "   \n\t  "],
  ["line separators", "a\u2028b\u2029c\r\nd"],
  ["html", "<script>alert(1)</script><img src=x onerror=alert(1)>"],
  ["json", '"}],"blocks":[{"type":"actions"}]'],
];

const say = textsIn("en", { messenger: "Slack" });

describe("slack messages", () => {
  for (const [what, text] of HOSTILE) {
    it(`show ${what} in names, paths, commands, reasons and results, escaped and within the limits`, () => {
      const messages = [
        toMessage(askedNews(approvalOf({ tool: text, input: { command: text }, keyId: text }), say), {
          url: undefined,
        }),
        toMessage(askedNews(approvalOf({ tool: "Bash", input: { command: text } }), say), {
          url: "https://x.example/a",
        }),
        toMessage(
          askedNews(
            approvalOf({ tool: "Edit", input: { file_path: text, old_string: text, new_string: text } }),
            say,
          ),
        ),
        toMessage(
          askedNews(
            approvalOf({
              kind: "question",
              input: { questions: [{ question: text, options: [{ label: text }] }] },
            }),
            say,
          ),
        ),
        toMessage(askedNews(approvalOf({ input: { [text]: text } }), say)),
        toMessage(decidedNews(decidedBy(text), say)),
        toMessage(
          turnNews(
            turnOf({ keyId: text }),
            outcomeOf({ end: "failed", model: text }, { success: false, error: text }),
            say,
          ),
          undefined,
          7,
        ),
        toDigest(
          Array.from({ length: 60 }, () => decidedNews(decidedBy(text), say)),
          3,
        ),
      ];
      for (const message of messages) {
        // The payload as Slack parses it.
        const payload: Payload = JSON.parse(JSON.stringify(message));
        expect(complaint(payload)).to.equal(undefined);
        for (const shown of mrkdwnOf(payload)) {
          expect(shown).not.to.match(/<|>/, "no mention, no link");
          expect(shown.replace(/&(amp|lt|gt);/g, "")).not.to.contain("&");
          expect(shown).not.to.match(/[\u200b-\u200f\u202a-\u202e\u2060-\u2069]/);
        }
        for (const shown of mrkdwnOf(payload, "header")) {
          expect(shown.split("`").length % 2).to.equal(1, "backticks come in pairs");
        }
      }
    });
  }

  it("name the shell's directory outside of the call, which can say anything", () => {
    const command = "in /srv/app/build:\nrm -rf *";
    const { blocks } = toMessage(askedNews(approvalOf({ input: { command }, cwd: "/srv/*x*" }), say));
    const [, where, call] = blocks;
    expect(where).to.deep.include({
      text: { type: "mrkdwn", text: "*in /srv/\u2217x\u2217:*", verbatim: true },
    });
    expect(JSON.stringify(call)).to.include(JSON.stringify(command));
    const here = toMessage(askedNews(approvalOf({ input: { command }, cwd: "/tmp/work" }), say));
    expect(here.blocks[1]).to.deep.equal(call);
  });

  it("show the hidden parts of a command", () => {
    const message = toMessage(askedNews(approvalOf({ input: { command: "ls \u202e# fr- mr" } }), say));
    expect(JSON.stringify(message)).to.contain("ls ⟨U+202E⟩# fr- mr");
  });

  it("show the change of an edit, and the file of a write", () => {
    const edit = { file_path: "/w/a.ts", old_string: "one\ntwo", new_string: "three" };
    const text = JSON.stringify(toMessage(askedNews(approvalOf({ tool: "Edit", input: edit }), say)));
    expect(text).to.contain("/w/a.ts\\n- one\\n- two\\n+ three");
  });

  it("show all arguments of a call, because they change what it does", () => {
    const edit = { file_path: "/w/a.ts", old_string: "one", new_string: "two", replace_all: true };
    expect(JSON.stringify(toMessage(askedNews(approvalOf({ tool: "Edit", input: edit }), say)))).to.contain(
      "replace_all",
    );
    const input = {
      command: "make",
      description: "harmless",
      timeout: false,
      dangerouslyDisableSandbox: true,
    };
    const text = JSON.stringify(toMessage(askedNews(approvalOf({ input }), say)));
    expect(text)
      .to.contain("dangerouslyDisableSandbox")
      .and.not.contain("harmless")
      .and.not.contain("timeout");
  });

  it("escape Slack's markup", () => {
    expect(escapeText("<!here> & co")).to.equal("&lt;!here&gt; &amp; co");
  });
});

function decidedBy(who: string) {
  const by = { channel: who, who };
  return approvalOf({
    tool: who,
    status: "allowed",
    decision: { decision: "allow", by, at: "2030-01-01T00:00:00.000Z" },
  });
}

/** Every text that Slack parses for markup. */
function mrkdwnOf({ text, blocks }: Payload, without?: string): string[] {
  const parts = blocks
    .filter(({ type }) => type !== without)
    .flatMap((block) => [block.text, ...(block.type === "context" ? (block.elements ?? []) : [])]);
  return [text, ...parts.flatMap((part) => (typeof part?.text === "string" ? [part.text] : []))];
}
