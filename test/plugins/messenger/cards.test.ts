import { expect } from "chai";
import { callCard, questionCard } from "#messenger/cards.js";
import { textsIn } from "#messenger/texts.js";
import { SIZES } from "#plugins/telegram/html.js";
import { approvalOf } from "../offers.js";

const options = { say: textsIn("en", { messenger: "Telegram" }), token: "t", sizes: SIZES };

describe("the card of a call", () => {
  it("names the shell's directory in bold, outside of the call, which can say anything", () => {
    const command = "in /srv/app/build:\nrm -rf *";
    const { spans } = callCard(approvalOf({ input: { command }, cwd: "/srv/else\u200bwhere" }), options);
    expect(spans.find(({ tags }) => tags.some(({ kind }) => kind === "pre"))?.text).to.equal(command);
    const bold = spans.filter(({ tags }) => tags.some(({ kind }) => kind === "bold"));
    expect(bold.map(({ text }) => text)).to.include("in /srv/else⟨U+200B⟩where:");
    const here = callCard(approvalOf({ input: { command }, cwd: "/tmp/work" }), options).spans;
    expect(here.filter(({ text }) => text.startsWith("in /"))).to.have.length(1);
  });
});

describe("the card of a question", () => {
  const cardOf = (questions: readonly object[], answered: readonly string[] = []) => {
    const asked = approvalOf({ kind: "question", tool: "AskUserQuestion", input: { questions } });
    const { spans, buttons = [] } = questionCard(asked, answered, [], options);
    return { text: spans.map(({ text }) => text).join(""), labels: buttons.flat().map(({ label }) => label) };
  };
  const aOrB = ["a", "b"].map((label) => ({ label, description: "" }));

  it("shows the open question whole, and cuts the answered ones", () => {
    const questions = ["one", "two", "three", "four"].map((name) => ({
      question: `${name} ${"word ".repeat(150)}end of ${name}?`,
      options: aOrB,
    }));
    const { text } = cardOf(questions, ["a", "b", "a"]);
    expect(text).to.contain("end of four?").and.not.contain("not shown");
    expect(text).to.not.contain("end of three?");
    expect(text).to.match(/three (?:word )+word…\n→ a\nfour/);
  });

  it("says how much of a long question, and of long options, it does not show", () => {
    const question = "q".repeat(3000);
    expect(cardOf([{ question, options: aOrB }]).text).to.match(/q…\n⚠️ Characters not shown: 18\d\d\./);
    const long = [{ label: "a", description: "d".repeat(3000) }];
    expect(cardOf([{ question: "Which?", options: long }]).text).to.match(
      /d…\n⚠️ Characters not shown: 18\d\d\./,
    );
  });

  it("tells options apart whose labels have the same beginning", () => {
    const labels = ["x", "y"].map((end) =>
      "the same beginning of both labels, which is longer than a button ".concat(end),
    );
    const choices = labels.map((label) => ({ label, description: "" }));
    const shown = cardOf([{ question: "Which?", options: choices }]);
    expect(shown.text).to.contain(`1. ${labels[0]}\n2. ${labels[1]}`);
    expect(shown.labels.slice(0, 2)).to.satisfy(([one, two]: readonly string[]) => one !== two);
    expect(shown.labels[1]).to.match(/^2\. the same .*…$/);
  });

  it("lists every option that has a description", () => {
    const choices = Array.from({ length: 12 }, (_, n) => ({ label: `l${n}`, description: `d${n}` }));
    expect(cardOf([{ question: "Which?", options: choices }]).text).to.contain("• l11: d11");
  });
});
