import { expect } from "chai";
import { callCard } from "#messenger/cards.js";
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
