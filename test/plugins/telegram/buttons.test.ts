import { setTimeout as sleep } from "node:timers/promises";
import type { StoreChange } from "@claudeway/core";
import { expect } from "chai";
import { eventually } from "../../e2e/poll.js";
import { HOSTILE } from "../hostile.js";
import { approvalOf, outcomeOf, turnOf } from "../offers.js";
import { ADA, BOB, type Shown } from "./bot-api.js";
import { TestBot } from "./kit.js";

const DENIAL = { tool_name: "Bash", tool_use_id: "toolu_1", tool_input: { command: "rm -rf build" } };

describe("telegram's buttons", () => {
  let bot: TestBot;

  afterEach(async () => {
    await bot.dispose();
  });

  const answerTo = (press: string) => eventually("an answer to the press", () => bot.api.answerTo(press));
  const settled = (shown: Shown) => eventually("no buttons", () => shown.buttons.length === 0);

  const allowedBy = (channel: string, who: string) =>
    ({ decision: "allow", by: { channel, who }, at: "2030-01-01T00:00:00.000Z" }) as const;
  /** A turn of topic 7 that has said this, and waits for a decision that is made elsewhere. */
  const parkedTurn = async (said: string, id: string) => {
    const pieces = said === "" ? [] : [said];
    bot.turns.script = () => ({
      pieces,
      response: { success: false, pending_approval: { id } as never },
    });
    const known = new Set(bot.turns.responses.keys());
    bot.approvalService.approvals.set(id, approvalOf({ id }));
    bot.api.write("go", { thread: 7 });
    await bot.shows("Waiting for a decision");
    const turnId = [...bot.turns.responses.keys()].find((one) => !known.has(one));
    const approval = approvalOf({ id, turnId: turnId ?? "" });
    bot.approvalService.approvals.set(id, approval);
    await eventually("the message is stored", async () => {
      const { entries } = await bot.store.list("");
      return entries.some(({ value }) => JSON.stringify(value).includes(`"approvalId":"${id}"`));
    });
    return approval;
  };

  it("show command, key and folder; a press approves once and the message says by whom", async () => {
    bot = await (await TestBot.start({ allowed_users: [ADA.id, BOB.id] })).ready();
    bot.ask();
    const shown = await bot.shows("May Claude use Bash?");
    expect(shown.html).to.contain('<code class="language-bash">rm -rf build &amp;&amp; make</code>');
    expect(shown.html).to.contain("alice · /tmp/work");
    expect(shown.buttons.map(({ text }) => text)).to.deep.equal([
      "✅ Approve",
      "❌ Deny",
      "Approve for this session",
    ]);
    const data = shown.buttons[0]?.callback_data ?? "";
    const press = bot.api.press(data, shown.id);
    await settled(shown);
    expect(shown.html).to.contain("✅ Approved by Ada L (@ada)");
    expect(await answerTo(press)).to.equal("Done.");
    expect([...bot.approvalService.approvals.values()][0]?.decision).to.deep.include({
      decision: "allow",
      scope: "once",
      by: { channel: "telegram", who: "Ada L (@ada)", from: "chat -1001234567890, user 1001" },
    });
    expect(await answerTo(bot.api.press(data, shown.id, { from: BOB }))).to.equal(
      "This button is no longer valid.",
    );
  });

  it("deny, and approve for the session, in Turkish", async () => {
    bot = await (await TestBot.start({ language: "tr" })).ready();
    bot.ask({ id: "a1" });
    const first = await bot.shows("Claude Bash kullanabilir mi?");
    expect(first.buttons.map(({ text }) => text)).to.deep.equal([
      "✅ Onayla",
      "❌ Reddet",
      "Bu oturum için onayla",
    ]);
    bot.api.pressButton(first, "Reddet");
    await settled(first);
    expect(first.html).to.contain("Reddeden: Ada L (@ada)");
    bot.ask({
      id: "a2",
      tool: "Edit",
      input: { file_path: "/w/a.ts", old_string: "one", new_string: "two" },
    });
    const second = await bot.shows("/w/a.ts");
    expect(second.html).to.contain("- one\n+ two");
    bot.api.pressButton(second, "Bu oturum");
    await settled(second);
    expect(bot.approvalService.approvals.get("a2")?.decision?.scope).to.equal("session");
    expect(second.html).to.contain("Bu oturum için onaylayan: Ada L");
  });

  it("show all arguments of a call, because they change what it does", async () => {
    bot = await (await TestBot.start()).ready();
    const input = { file_path: "/w/a.ts", old_string: "one", new_string: "two", replace_all: true };
    bot.ask({ id: "a1", tool: "Edit", input });
    expect((await bot.shows("use Edit?")).html).to.contain("+ two\n{\n  &quot;replace_all&quot;: true");
    const command = { command: "make", description: "harmless", dangerouslyDisableSandbox: true };
    bot.ask({ id: "a2", tool: "Bash", input: command });
    expect((await bot.shows("use Bash?")).html)
      .to.contain("dangerouslyDisableSandbox")
      .and.not.contain("harmless");
  });

  it("disappear when the call is decided elsewhere, expires or is withdrawn, even at once", async () => {
    bot = await (await TestBot.start()).ready();
    const by = { channel: "dashboard", who: "admin" };
    const asked = bot.ask({ id: "a1" });
    const shown = await bot.shows("May Claude");
    const decided = {
      ...asked,
      status: "denied",
      decision: { decision: "deny", by, at: "2030-01-01" },
    } as const;
    bot.approvalService.approvals.set("a1", decided);
    bot.running.kernel.notify("approvalDecided", decided);
    await settled(shown);
    expect(shown.html).to.contain("❌ Denied by admin (dashboard)");
    bot.api.next("sendMessage", { status: 500 });
    const late = bot.ask({ id: "a2" });
    await sleep(20);
    bot.approvalService.approvals.set("a2", { ...late, status: "expired" });
    bot.running.kernel.notify("approvalDecided", { ...late, status: "expired" });
    await bot.shows("Expired without a decision");
    expect(bot.api.shown.every(({ buttons }) => buttons.length === 0)).to.equal(true);
  });

  it("count one of two simultaneous presses, and inform the slower person", async () => {
    bot = await (await TestBot.start()).ready();
    bot.ask();
    const shown = await bot.shows("May Claude");
    const first = bot.api.pressButton(shown, "Approve", ADA);
    const second = bot.api.pressButton(shown, "Deny", BOB);
    const answers = [await answerTo(first), await answerTo(second)];
    expect(answers).to.include("Done.");
    expect(answers.filter((text) => text !== "Done.")[0]).to.match(
      /Somebody else has already decided|no longer valid/,
    );
    await settled(shown);
    expect(shown.html.match(/(Approved|Denied) by/g)).to.have.length(1);
  });

  it("count when pressed before Telegram has answered the message that shows them", async () => {
    bot = await (await TestBot.start()).ready();
    let answer: () => void = () => undefined;
    bot.api.held = new Promise((resolve) => {
      answer = resolve;
    });
    bot.ask();
    const shown = await bot.shows("May Claude use Bash?");
    const press = bot.api.pressButton(shown, "Approve");
    await eventually("the press is received", () => bot.api.polled);
    answer();
    await settled(shown);
    expect(await answerTo(press)).to.equal("Done.");
    expect(shown.html).to.contain("✅ Approved by Ada L (@ada)");
  });

  it("say why if this channel may not decide", async () => {
    bot = await (await TestBot.start()).ready();
    bot.approvalService.forbid = true;
    bot.ask();
    const shown = await bot.shows("May Claude");
    const press = bot.api.pressButton(shown, "Approve");
    expect(await answerTo(press)).to.equal("Not possible: this is not for telegram to decide");
    expect(shown.buttons).not.to.deep.equal([]);
  });

  it("refuse forged, old and foreign presses, log them, and do nothing", async () => {
    bot = await (await TestBot.start({ allowed_users: [ADA.id] })).ready();
    bot.ask();
    const shown = await bot.shows("May Claude");
    const good = shown.buttons[0]?.callback_data ?? "";
    const other = bot.api.write("/help", { thread: 7 });
    const presses: readonly (readonly [press: string, answer: string])[] = [
      [bot.api.press("\u0000\uffff".repeat(16), shown.id), "no longer valid"],
      [bot.api.press("x".repeat(64), shown.id), "no longer valid"],
      [bot.api.press(`${"A".repeat(16)}:a`, shown.id), "no longer valid"],
      [bot.api.press(good.replace(/:a$/, ":o0"), shown.id), "no longer valid"],
      [bot.api.press(good.replace(/:a$/, ":k"), shown.id), "no longer valid"],
      [bot.api.press(good.replace(/:a$/, ":zz"), shown.id), "no longer valid"],
      [bot.api.press(good, other), "no longer valid"],
      [bot.api.press(good, undefined), "belongs to another chat"],
      [bot.api.press(good, shown.id, { chatId: -100999 }), "belongs to another chat"],
      [bot.api.press(good, shown.id, { from: BOB }), "not allowed to use this bot"],
      [bot.api.press("", shown.id), "no longer valid"],
    ];
    for (const [press, answer] of presses) expect(await answerTo(press)).to.contain(answer);
    expect([...bot.approvalService.approvals.values()].every(({ status }) => status === "pending")).to.equal(
      true,
    );
    expect(bot.complaints.filter((line) => line.includes("refused a button press"))).to.have.length(
      presses.length,
    );
    bot.api.press(good, shown.id);
    await settled(shown);
  });

  it("work after a restart, which also shows missed requests and decisions", async () => {
    bot = await (await TestBot.start()).ready();
    bot.ask({ id: "a1" });
    const first = await bot.shows("May Claude use Bash?");
    bot.ask({ id: "a2", tool: "Write" });
    const second = await bot.shows("May Claude use Write?");
    await bot.stored("card", 2);
    await bot.stop();
    const by = { channel: "key", who: "alice" };
    const a2 = bot.approvalService.approvals.get("a2");
    if (a2 !== undefined) {
      const decision = { decision: "allow", by, at: "2030-01-01" } as const;
      bot.approvalService.approvals.set("a2", { ...a2, status: "allowed", decision });
    }
    bot.ask({ id: "a3", tool: "WebFetch", input: { url: "https://a.b" } });
    await bot.launch();
    await settled(second);
    expect(second.html).to.contain("Approved by alice (key)");
    await bot.shows("May Claude use WebFetch?");
    expect(bot.api.shown.filter(({ html }) => html.includes("use Bash?"))).to.have.length(1);
    bot.api.pressButton(first, "Approve");
    await settled(first);
    expect(bot.approvalService.approvals.get("a1")?.status).to.equal("allowed");
  });

  it("appear in the topic of the session that asks", async () => {
    bot = await (await TestBot.start({ feed_topic: 3 })).ready();
    bot.api.write("hi", { thread: 7 });
    await bot.shows("you said: hi");
    bot.ask({ id: "a1", sessionId: bot.turns.ran[0]?.sessionId ?? "" });
    expect((await bot.shows("use Bash?")).thread).to.equal(7);
    bot.ask({ id: "a2", tool: "Write" });
    expect((await bot.shows("use Write?")).thread).to.equal(3);
  });

  it("offer a question's options, single or multiple choice, and accept a written answer", async () => {
    bot = await (await TestBot.start()).ready();
    const questions = [
      { question: "Which way?", options: [{ label: "left", description: "the sea" }, { label: "right" }] },
      {
        question: "What with?",
        multiSelect: true,
        options: [{ label: "bread" }, { label: "salt" }, { label: "oil" }],
      },
      { question: "Who says?", options: [{ label: "me" }, { label: "you" }] },
    ];
    bot.ask({ kind: "question", tool: "AskUserQuestion", input: { questions } });
    const shown = await bot.shows("Which way?");
    expect(shown.html).to.contain("<b>left</b>: the sea");
    bot.api.pressButton(shown, "right");
    await eventually("the next question", () => shown.html.includes("What with?"));
    bot.api.pressButton(shown, "salt");
    await eventually("a tick", () => shown.buttons.some(({ text }) => text === "☑ salt"));
    bot.api.pressButton(shown, "oil");
    await eventually(
      "two ticks",
      () => shown.buttons.filter(({ text }) => text.startsWith("☑")).length === 2,
    );
    bot.api.pressButton(shown, "salt");
    await eventually("one tick", () => shown.buttons.filter(({ text }) => text.startsWith("☑")).length === 1);
    bot.api.pressButton(shown, "bread");
    await eventually(
      "two ticks",
      () => shown.buttons.filter(({ text }) => text.startsWith("☑")).length === 2,
    );
    bot.api.pressButton(shown, "Done");
    await eventually("the last question", () => shown.html.includes("Who says?"));
    bot.api.write("nobody <b>", { replyTo: shown.id });
    await settled(shown);
    expect([...bot.approvalService.approvals.values()][0]?.decision?.updatedInput).to.deep.equal({
      answers: { "Which way?": "right", "What with?": "oil, bread", "Who says?": "nobody <b>" },
    });
    expect(shown.html).to.contain("Answered by Ada L (@ada)");
    expect(bot.turns.ran).to.deep.equal([]);
  });

  describe("of several questions", () => {
    const options = [{ label: "left" }, { label: "right" }];
    const show = async (...questions: readonly object[]) => {
      bot = await (await TestBot.start({ allowed_users: [ADA.id, BOB.id] })).ready();
      const asked = questions.map((one, n) => ({ question: `Number ${n}?`, options, ...one }));
      bot.ask({ kind: "question", tool: "AskUserQuestion", input: { questions: asked } });
      return bot.shows("Number 0?");
    };
    const dataOf = (shown: Shown, label: string) =>
      shown.buttons.find(({ text }) => text.includes(label))?.callback_data ?? "";
    const decision = () => [...bot.approvalService.approvals.values()][0]?.decision?.updatedInput;

    it("answer their own question only, pressed twice or by two persons", async () => {
      const shown = await show({}, {}, {});
      const [left, right] = [dataOf(shown, "left"), dataOf(shown, "right")];
      const presses = [
        bot.api.press(left, shown.id),
        bot.api.press(left, shown.id),
        bot.api.press(right, shown.id, { from: BOB }),
      ];
      const answers = [];
      for (const press of presses) answers.push(await answerTo(press));
      expect(answers.filter((text) => text === "Done.")).to.have.length(1);
      await eventually("the next question", () => shown.html.includes("Number 1?"));
      expect(shown.html).not.to.contain("Number 2?");
      bot.api.pressButton(shown, "right");
      await eventually("the last question", () => shown.html.includes("Number 2?"));
      expect(await answerTo(bot.api.press(right, shown.id))).to.contain("no longer valid");
      bot.api.pressButton(shown, "left");
      await settled(shown);
      expect(decision()).to.deep.equal({
        answers: { "Number 0?": "left", "Number 1?": "right", "Number 2?": "left" },
      });
    });

    it("finish their own question only", async () => {
      const shown = await show({ multiSelect: true }, { multiSelect: true });
      bot.api.pressButton(shown, "left");
      await eventually("a tick", () => shown.buttons.some(({ text }) => text === "☑ left"));
      const done = dataOf(shown, "Done");
      bot.api.press(done, shown.id);
      await eventually("the next question", () => shown.html.includes("Number 1?"));
      bot.api.pressButton(shown, "right");
      await eventually("a tick", () => shown.buttons.some(({ text }) => text === "☑ right"));
      expect(await answerTo(bot.api.press(done, shown.id, { from: BOB }))).to.contain("no longer valid");
      expect(decision()).to.equal(undefined);
      bot.api.pressButton(shown, "Done");
      await settled(shown);
      expect(decision()).to.deep.equal({ answers: { "Number 0?": "left", "Number 1?": "right" } });
    });

    it("lose no tick when two are pressed at once", async () => {
      const shown = await show({ multiSelect: true });
      const { approvalService } = bot;
      const { get } = approvalService;
      let waiting = 0;
      let go: () => void = () => undefined;
      const both = new Promise<void>((resolve) => {
        go = resolve;
      });
      approvalService.get = async (id) => {
        if (++waiting === 2) go();
        await both;
        return get.call(approvalService, id);
      };
      bot.api.pressButton(shown, "left");
      bot.api.pressButton(shown, "right");
      await eventually(
        "two ticks",
        () => shown.buttons.filter(({ text }) => text.startsWith("☑")).length === 2,
      );
    });
  });

  it("approve denied calls in deny mode: exactly these run, once, and the answer is shown", async () => {
    bot = await (await TestBot.start()).ready();
    const outcome = outcomeOf({}, { permission_denials: [DENIAL] });
    bot.turns.responses.set(turnOf().id, outcome.response);
    bot.running.kernel.notify("afterExecute", turnOf(), outcome);
    const shown = await bot.shows("Tool calls denied: 1");
    expect(shown.html).to.contain("rm -rf build");
    bot.turns.script = () => ({ pieces: ["it ran"] });
    const first = bot.api.pressButton(shown, "Approve");
    const second = bot.api.pressButton(shown, "Approve", BOB);
    await bot.shows("it ran");
    await settled(shown);
    expect(shown.html).to.contain("Approved by Ada L (@ada)").and.contain("rm -rf build");
    expect(bot.turns.approved).to.deep.equal([["toolu_1"]]);
    expect(bot.turns.ran[0]?.keyId).to.equal("alice");
    expect(await answerTo(first)).to.equal("Done.");
    expect(await answerTo(second)).to.match(/Somebody else has already decided|no longer valid/);
  });

  it("say how many of the approved calls did not run", async () => {
    bot = await (await TestBot.start()).ready();
    const outcome = outcomeOf({}, { permission_denials: [DENIAL] });
    bot.turns.responses.set(turnOf().id, outcome.response);
    bot.running.kernel.notify("afterExecute", turnOf(), outcome);
    const shown = await bot.shows("Tool calls denied: 1");
    bot.turns.script = () => ({
      pieces: ["it may not"],
      response: { approved: [{ tool_use_id: "toolu_1", ran: false }] },
    });
    bot.api.pressButton(shown, "Approve");
    await eventually("the end", () => shown.html.includes("Of these calls, 1 did not run."));
    expect(shown.html).to.contain("Approved by Ada L (@ada). Of these");
  });

  it("disappear when the calls were approved before Telegram has answered the message that shows them", async () => {
    bot = await (await TestBot.start()).ready();
    let answer: () => void = () => undefined;
    bot.api.held = new Promise((resolve) => {
      answer = resolve;
    });
    bot.running.kernel.notify("afterExecute", turnOf(), outcomeOf({}, { permission_denials: [DENIAL] }));
    const shown = await bot.shows("Tool calls denied: 1");
    const approved = [{ tool_use_id: "toolu_1", tool_name: "Bash", ran: true }];
    bot.running.kernel.notify("afterExecute", turnOf(), outcomeOf({}, { approved: approved as never }));
    await sleep(50);
    answer();
    await settled(shown);
    expect(shown.html).to.contain("Approved by alice");
  });

  it("appear once under denials of the chat's own turns; disappear when approved through the API", async () => {
    bot = await (await TestBot.start()).ready();
    bot.turns.script = () => ({ pieces: ["tried"], response: { permission_denials: [DENIAL] } });
    bot.api.write("go", { thread: 7 });
    const shown = await bot.shows("Tool calls denied: 1");
    expect(shown.thread).to.equal(7);
    const { sessionId = "" } = bot.turns.ran[0] ?? {};
    const approved = [{ tool_use_id: "toolu_1", tool_name: "Bash", ran: true }];
    bot.running.kernel.notify(
      "afterExecute",
      turnOf({ sessionId }),
      outcomeOf({}, { approved: approved as never }),
    );
    await settled(shown);
    expect(shown.html).to.contain("Approved by alice");
    expect(bot.api.shown.filter(({ html }) => html.includes("Tool calls denied"))).to.have.length(1);
  });

  it("are not shown for calls that the approval service was asked about", async () => {
    bot = await (await TestBot.start()).ready();
    bot.ask();
    const shown = await bot.shows("May Claude");
    bot.api.pressButton(shown, "Deny");
    await settled(shown);
    bot.running.kernel.notify("afterExecute", turnOf(), outcomeOf({}, { permission_denials: [DENIAL] }));
    await sleep(150);
    expect(bot.api.find("Tool calls denied")).to.equal(undefined);
  });

  it("lead to the answer of a parked turn, even after a restart", async () => {
    bot = await (await TestBot.start()).ready();
    bot.turns.script = () => ({
      pieces: ["so far"],
      response: { success: false, pending_approval: { id: "a" } as never },
    });
    bot.api.write("go", { thread: 7 });
    await bot.shows("Waiting for a decision");
    const [turnId = "", response] = [...bot.turns.responses][0] ?? [];
    await bot.stop();
    const { pending_approval: _pending, ...rest } = response ?? outcomeOf().response;
    bot.turns.responses.set(turnId, { ...rest, success: true, result: "so far, and done" });
    await bot.launch();
    const shown = await bot.shows("so far, and done");
    expect(shown.thread).to.equal(7);
  });

  /** A turn of topic 7 was parked, and its gateway was killed before that was noted as shown. */
  const killedWhileParking = async () => {
    let isAboutToDie = true;
    const isMissed = (change: StoreChange) => "delete" in change && change.key.includes("/waiting/");
    const start = TestBot.start({}, (one) => {
      const { store } = one;
      one.store = {
        ...store,
        write: (changes) =>
          store.write(isAboutToDie ? changes.filter((change) => !isMissed(change)) : changes),
      };
    });
    bot = await (await start).ready();
    const approval = await parkedTurn("so far", "a");
    await bot.stop();
    isAboutToDie = false;
    return approval;
  };
  const DONE = outcomeOf({}, { result: "all done" });
  const timesShown = (text: string) => bot.api.texts(7).filter((one) => one.includes(text)).length;

  it("lead to one message of a parked turn, also where a kill came before it was noted as shown", async () => {
    await killedWhileParking();
    bot.turns.script = (prompt) => ({ pieces: [`you said: ${prompt}`] });
    await bot.launch();
    bot.api.write("next", { thread: 7 });
    await bot.shows("you said: next");
    const shown = bot.api
      .texts(7)
      .join("\n")
      .match(/so far|Waiting for a decision/g);
    expect(shown).to.deep.equal(["so far", "Waiting for a decision"]);
  });

  it("lead to one answer of a parked turn that ended after the kill", async () => {
    for (const isSlow of [false, true]) {
      const { turnId } = await killedWhileParking();
      bot.turns.responses.set(turnId, DONE.response);
      let looks = 0;
      bot.turns.respond = async (id) => {
        if (isSlow && ++looks === 1) await bot.stored("parked", 0);
        return bot.turns.responses.get(id);
      };
      bot.turns.script = (prompt) => ({ pieces: [`you said: ${prompt}`] });
      await bot.launch();
      bot.api.write("next", { thread: 7 });
      await bot.shows("you said: next");
      await bot.stored("parked", 0);
      expect(timesShown("all done"), `slow: ${isSlow}`).to.equal(1);
      if (!isSlow) await bot.dispose();
    }
  });

  it("lead to the answer of a parked turn that ends while it is shown that it is parked again", async () => {
    bot = await (await TestBot.start()).ready();
    const { turnId, ...parked } = await parkedTurn("so far", "a");
    const turn = turnOf({ id: turnId });
    const again = outcomeOf({}, { result: "more", success: false, pending_approval: { id: "b" } as never });
    bot.approvalService.approvals.set("b", { ...parked, turnId, id: "b" });
    bot.turns.responses.set(turnId, again.response);
    let release: () => void = () => undefined;
    bot.api.held = new Promise((resolve) => {
      release = resolve;
    });
    bot.running.kernel.notify("afterExecute", turn, again);
    await bot.shows("more");
    bot.turns.responses.set(turnId, DONE.response);
    bot.running.kernel.notify("afterExecute", turn, DONE);
    release();
    await bot.shows("all done");
    await bot.stored("parked", 0);
    expect(timesShown("all done")).to.equal(1);
  });

  it("change the message of a parked turn when it is decided elsewhere, expires, or is withdrawn", async () => {
    bot = await (await TestBot.start()).ready();
    const ends = [
      [
        { status: "allowed", decision: allowedBy("admin", "boss") },
        /^✅ Approved by boss \(admin\)\. The turn goes on\.$/,
      ],
      [{ status: "expired" }, /^⌛ Expired without a decision\. The turn goes on\.$/],
      [{ status: "withdrawn" }, /^↩ Withdrawn: nothing waits for it any more$/],
    ] as const;
    for (const [index, [end, verdict]] of ends.entries()) {
      const [said, id] = [`so far ${index}`, `a${index}`];
      const parked = await parkedTurn(said, id);
      expect((await bot.shows(said)).html).to.equal(said);
      bot.approvalService.approvals.set(id, { ...parked, ...end });
      bot.running.kernel.notify("approvalDecided", { ...parked, ...end });
      await eventually(`how ${id} ended`, () => bot.api.texts(7).some((text) => verdict.test(text)));
      expect(bot.api.find("Waiting for a decision")).to.equal(undefined);
      expect((await bot.shows(said)).html, "what was said before stays").to.equal(said);
    }
  });

  it("change the message of a parked turn that was decided while the plugin was off", async () => {
    bot = await (await TestBot.start()).ready();
    const parked = await parkedTurn("", "a");
    await bot.stop();
    bot.approvalService.approvals.set("a", {
      ...parked,
      status: "allowed",
      decision: allowedBy("key", "alice"),
    });
    await bot.launch();
    await bot.shows("Approved by alice (key). The turn goes on.");
    expect(bot.api.find("Waiting for a decision")).to.equal(undefined);
    expect(bot.api.texts(7)).to.have.length(1);
  });

  it("warn of nothing that is not shown when a file ends in a newline", async () => {
    bot = await (await TestBot.start({})).ready();
    const input = { file_path: "/w/notes.txt", content: "one\ntwo\n\n" };
    bot.ask({ id: "w", tool: "Write", input });
    const shown = await bot.shows("notes.txt");
    expect(shown.html).to.include("two").and.not.include("not shown");
  });

  it("come with news of a budget that is nearly used up, also of the chat's own key", async () => {
    bot = await (await TestBot.start({ events: ["budgets"] })).ready();
    bot.running.kernel.notify("budgetWarning", {
      budget: "monthly",
      subject: "key:telegram",
      window: "month",
      limitUsd: 50,
      spentUsd: 40.123,
      share: 0.8,
      resetsAt: "2030-02-01T00:00:00.000Z",
    });
    const shown = await bot.shows("80% of a budget is used up");
    expect(shown.html).to.include("key:telegram · monthly · month · $40.12 of $50.00");
  });

  it("accompany a feed of requests, failures, sessions, parked and expired approvals, by kind", async () => {
    bot = await (
      await TestBot.start({ events: ["failures", "sessions", "approvals"], feed_topic: 3 })
    ).ready();
    const { kernel } = bot.running;
    kernel.notify("afterExecute", turnOf(), outcomeOf());
    kernel.notify(
      "afterExecute",
      turnOf({ keyId: "telegram" }),
      outcomeOf({ end: "failed" }, { error: "own" }),
    );
    kernel.notify(
      "afterExecute",
      turnOf(),
      outcomeOf({ end: "timeout" }, { success: false, error: "<b>late</b>" }),
    );
    kernel.notify("sessionStart", { id: "s1", keyId: "alice", model: "opus", workdir: "/w" });
    kernel.notify(
      "event",
      { type: "done", response: outcomeOf({}, { pending_approval: { id: "a" } as never }).response },
      turnOf(),
    );
    kernel.notify("approvalDecided", { ...bot.ask({ id: "a9" }), status: "expired" });
    const shown = await bot.shows("Request timed out");
    expect(shown).to.include({ thread: 3, silent: true });
    for (const part of [
      "&lt;b&gt;late",
      "Session started",
      "Parked until a decision is made",
      "Approval expired",
    ]) {
      expect(shown.html).to.contain(part);
    }
    expect(bot.api.texts().join()).not.to.match(/Request finished|own/);
  });

  it("survive hostile tools, commands, paths, questions and names", async () => {
    bot = await (await TestBot.start()).ready();
    let asked = 0;
    for (const [what, text] of HOSTILE) {
      const questions = [{ question: text, options: [{ label: text, description: text }, { label: "b" }] }];
      const inputs = [
        { tool: text.slice(0, 200), input: { command: text } },
        { tool: "Bash", input: { command: text } },
        { tool: "Edit", input: { file_path: text, old_string: text, new_string: text } },
        { tool: "AskUserQuestion", kind: "question", input: { questions } },
      ] as const;
      const name = { id: 5, first_name: text.slice(0, 64), last_name: text.slice(0, 64) };
      for (const input of inputs) {
        const id = `h${asked++}`;
        bot.ask({ id, ...input, workdir: text, keyId: text.slice(0, 64) });
        const shown = await eventually(`${what}: a card`, () => bot.api.shown[asked - 1]);
        if (shown.buttons[0] !== undefined)
          bot.api.press(shown.buttons[0].callback_data, shown.id, { from: name });
        await settled(shown).catch(() => expect.fail(`${what}: ${shown.html.slice(0, 200)}`));
        // Invisible characters are written out, so that nothing looks like something else.
        expect(shown.html).not.to.match(/[\u202a-\u202e\u2066-\u2069\u200b]/);
      }
    }
    expect([...bot.approvalService.approvals.values()].every(({ status }) => status === "allowed")).to.equal(
      true,
    );
    bot.ask({ id: "long", tool: "Bash", input: { command: `echo ok ${" ".repeat(5000)}; rm -rf /` } });
    await bot.shows("Characters not shown");
  });
});
