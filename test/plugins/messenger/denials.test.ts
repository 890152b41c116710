import { expect } from "chai";
import { eventually } from "../../e2e/poll.js";
import { outcomeOf, turnOf } from "../offers.js";
import type { Shown } from "../telegram/bot-api.js";
import { TestBot } from "../telegram/kit.js";
import { CodedError } from "../telegram/scripted-turns.js";

interface Denial {
  readonly tool_name: string;
  readonly tool_use_id: string;
  readonly tool_input: Readonly<Record<string, unknown>>;
  readonly cwd?: string;
  readonly approvable?: false;
}

const denialsOf = (count: number): Denial[] =>
  Array.from({ length: count }, (_, n) => ({
    tool_name: "Bash",
    tool_use_id: `toolu_${n}`,
    tool_input: { command: `rm -rf folder-${n}.` },
  }));
const idsOf = (...numbers: readonly number[]) => numbers.map((n) => `toolu_${n}`);

describe("cards of denied calls", () => {
  let bot: TestBot;

  afterEach(() => bot.dispose());

  const inTelegram = async () => {
    bot = await (await TestBot.start()).ready();
    return bot;
  };
  const deny = (denied: readonly Denial[]) => {
    const outcome = outcomeOf({}, { permission_denials: [...denied] });
    bot.turns.responses.set(turnOf().id, outcome.response);
    bot.running.kernel.notify("afterExecute", turnOf(), outcome);
  };
  const settled = (shown: Shown) => eventually("no buttons", () => shown.buttons.length === 0);

  it("approve only the calls that they show", async () => {
    const { api, turns } = await inTelegram();
    deny(denialsOf(6));
    const last = await eventually("the last call", () => api.find("folder-5."));
    const first = await eventually("the first call", () => api.find("folder-0."));
    expect(first.html).to.contain("Tool calls denied: 5").and.contain("folder-4.");
    expect(last.html).to.contain("Tool calls denied: 1");
    api.pressButton(first, "Approve");
    await settled(first);
    await eventually("a turn", () => turns.ran.length === 1);
    expect(turns.approved).to.deep.equal([idsOf(0, 1, 2, 3, 4)]);
    expect(last.buttons).to.have.length(2);
    api.pressButton(last, "Approve");
    await settled(last);
    await eventually("a turn", () => turns.ran.length === 2);
    expect(turns.approved.at(-1)).to.deep.equal(idsOf(5));
  });

  it("are at most ten for a turn; the last one counts the calls that none of them approves", async () => {
    const { api, turns } = await inTelegram();
    deny(denialsOf(53));
    const last = await eventually("the last card", () => api.find("… +3"));
    expect(last.html).to.contain("folder-49.");
    expect(api.texts().filter((text) => text.includes("Tool calls denied"))).to.have.length(10);
    api.pressButton(last, "Approve");
    await settled(last);
    await eventually("a turn", () => turns.ran.length === 1);
    expect(turns.approved).to.deep.equal([idsOf(45, 46, 47, 48, 49)]);
  });

  it("are shown though the messenger refuses one of them", async () => {
    const { api } = await inTelegram();
    api.next("sendMessage", { status: 400, description: "Bad Request: MESSAGE_TOO_LONG" });
    deny(denialsOf(11));
    await eventually("the last card", () => api.find("folder-10."));
    expect(api.find("folder-5.")).to.not.equal(undefined);
    expect(api.find("folder-0.")).to.equal(undefined);
  });

  it("approve no call that a card of an earlier version did not show", async () => {
    const started = await inTelegram();
    deny(denialsOf(1));
    const card = await started.shows("folder-0.");
    await started.stored("card", 1);
    await started.stop();
    const { store } = started;
    const { entries } = await store.list("");
    const [entry] = entries.filter(({ key }) => key.includes("/card/"));
    const value = JSON.stringify(entry?.value).replace(
      '["toolu_0"]',
      JSON.stringify(idsOf(0, 1, 2, 3, 4, 5)),
    );
    await store.set(entry?.key ?? "", JSON.parse(value));
    await started.launch();
    started.api.pressButton(card, "Approve");
    await settled(card);
    await eventually("a turn", () => started.turns.ran.length === 1);
    expect(started.turns.approved).to.deep.equal([idsOf(0, 1, 2, 3, 4)]);
  });

  it("show the directory of a call", async () => {
    const { api } = await inTelegram();
    deny(denialsOf(2).map((one, n) => (n === 0 ? one : { ...one, cwd: "/srv/production" })));
    const card = await eventually("a card", () => api.find("folder-0."));
    expect(card.html).to.contain("<b>in /srv/production:</b>\n<pre>");
    expect(card.html.match(/in \//g)).to.have.length(1);
  });

  it("offer no call that can't be approved", async () => {
    const { api, turns } = await inTelegram();
    deny(denialsOf(2).map((one, n) => (n === 0 ? { ...one, approvable: false } : one)));
    const card = await eventually("a card", () => api.find("folder-1."));
    expect(card.html).to.contain("Tool calls denied: 1").and.not.contain("folder-0.");
    api.pressButton(card, "Approve");
    await settled(card);
    expect(turns.approved).to.deep.equal([idsOf(1)]);
  });

  it("keep the calls that are left when others were approved elsewhere, one by one", async () => {
    const { api, turns, running } = await inTelegram();
    const approve = (...numbers: readonly number[]) => {
      const approved = idsOf(...numbers).map((id) => ({ tool_use_id: id, tool_name: "Bash", ran: true }));
      running.kernel.notify("afterExecute", turnOf(), outcomeOf({}, { approved: approved as never }));
    };
    deny(denialsOf(5));
    const card = await eventually("a card", () => api.find("folder-0."));
    approve(1);
    await eventually("four calls", () => card.html.includes("Tool calls denied: 4"));
    expect(card.html).to.contain("folder-0.").and.contain("folder-4.").and.not.contain("folder-1.");
    expect(card.html).to.not.contain("Approved");
    expect(card.buttons).to.have.length(2);
    approve(0, 2);
    await eventually("two calls", () => card.html.includes("Tool calls denied: 2"));
    api.pressButton(card, "Approve");
    await settled(card);
    await eventually("a turn", () => turns.ran.length === 1);
    expect(turns.approved).to.deep.equal([idsOf(3, 4)]);
  });

  it("lose their buttons if the calls may not be approved", async () => {
    const { api, turns } = await inTelegram();
    deny(denialsOf(1));
    const card = await eventually("a card", () => api.find("folder-0."));
    turns.refuse = new CodedError("FORBIDDEN", "this key may not approve it");
    api.pressButton(card, "Approve");
    await settled(card);
    expect(card.html).to.contain("Not possible: this key may not approve it");
  });
});
