import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { eventually } from "../../e2e/poll.js";
import { SlackBot } from "../slack/bot-kit.js";
import { ADA, CHANNEL } from "../slack/fake-slack.js";
import { TestBot } from "../telegram/kit.js";

const questionsOf = (...texts: readonly string[]) => ({
  questions: texts.map((question) => ({ question, options: [{ label: "yes", description: "" }] })),
});

describe("a written answer to a question", () => {
  let bot: TestBot | SlackBot;

  afterEach(() => bot.dispose());

  /** A question in the thread of a session; returns the thread. */
  const askedInSlack = async (...texts: readonly string[]) => {
    const started = await (await SlackBot.start()).ready();
    bot = started;
    const thread = started.slack.mention("hi");
    await started.shows("you said: hi");
    const [sessionId = ""] = started.turns.sessions.keys();
    const input = questionsOf(...texts);
    started.ask({ id: "q1", kind: "question", tool: "AskUserQuestion", sessionId, input });
    await started.shows(texts[0] ?? "");
    return { started, thread };
  };

  it("that does not count is answered with the reason, and the question stays open", async () => {
    const { started, thread } = await askedInSlack("Which port?");
    const { approvalService, slack, turns } = started;
    approvalService.forbid = true;
    slack.write("8080", { thread });
    expect(await started.shows("Not possible: this is not for telegram to decide")).to.include({ thread });
    approvalService.forbid = false;
    const { decide } = approvalService;
    approvalService.decide = () => Promise.reject(new Error("the ledger is away"));
    slack.write("8081", { thread });
    await started.shows("Not possible: internal error; see the log");
    expect(started.complaints.join()).to.contain("could not decide");
    approvalService.decide = decide;
    slack.write("8082", { thread });
    await eventually("a decision", () => approvalService.approvals.get("q1")?.status === "allowed");
    expect(approvalService.approvals.get("q1")?.decision?.updatedInput).to.deep.equal({
      answers: { "Which port?": "8082" },
    });
    expect(turns.ran).to.have.length(1);
  });

  it("with a file counts without it, and the sender learns that", async () => {
    const { started, thread } = await askedInSlack("Which port?");
    const { approvalService, slack, turns } = started;
    slack.files.set("F1", Buffer.from("a,b"));
    const url_private = `http://${slack.host}/files/F1`;
    const files = [{ id: "F1", mimetype: "text/csv", name: "t.csv", url_private, size: 3 }];
    slack.write("", { thread, files });
    expect(await started.shows("Files can't answer a question.")).to.include({ thread });
    expect(approvalService.approvals.get("q1")?.status).to.equal("pending");
    slack.write("8080", { thread, files });
    await eventually("a decision", () => approvalService.approvals.get("q1")?.status === "allowed");
    expect(approvalService.approvals.get("q1")?.decision?.updatedInput).to.deep.equal({
      answers: { "Which port?": "8080" },
    });
    await eventually("two notes", () => slack.texts().join().split("Files can't").length === 3);
    expect(turns.ran).to.have.length(1);
  });

  it("has the next question asked anew if its message was deleted", async () => {
    const { started, thread } = await askedInSlack("Which port?", "Which host?");
    const { approvalService, slack } = started;
    slack.always.set("chat.update", { error: "message_not_found" });
    slack.write("8080", { thread });
    expect(await started.shows("Which host?")).to.include({ thread });
    const cards = async () =>
      (await started.store.list("")).entries.filter(({ key }) => key.includes("/card/"));
    await eventually("one card", async () => (await cards()).length === 1);
    slack.write("localhost", { thread });
    await eventually("a decision", () => approvalService.approvals.get("q1")?.status === "allowed");
    expect(approvalService.approvals.get("q1")?.decision?.updatedInput).to.deep.equal({
      answers: { "Which port?": "8080", "Which host?": "localhost" },
    });
  });

  it("that comes too late is answered with that", async () => {
    const { started, thread } = await askedInSlack("Which port?");
    const { approvalService, slack } = started;
    const { decide } = approvalService;
    approvalService.decide = async (id, decision, by) => {
      await decide.call(approvalService, id, { decision: "deny" }, { channel: "dashboard", who: "admin" });
      return decide.call(approvalService, id, decision, by);
    };
    slack.write("8080", { thread });
    expect(await started.shows("Somebody else has already decided this.")).to.include({ thread });
  });

  it("counts after a kill that came before its decision", async () => {
    const { started, thread } = await askedInSlack("Which port?");
    const { approvalService, slack, store } = started;
    const { decide } = approvalService;
    const entriesNow = async () => (await store.list("")).entries;
    let stored: Awaited<ReturnType<typeof entriesNow>> = [];
    approvalService.decide = async () => {
      stored = await eventually("a stored answer", async () => {
        const entries = await entriesNow();
        return JSON.stringify(entries).includes('"8080"') ? entries : undefined;
      });
      throw new Error("killed");
    };
    slack.write("8080", { thread });
    await started.shows("Not possible: internal error");
    await started.stop();
    for (const { key, value } of stored) await store.set(key, value);
    approvalService.decide = decide;
    await started.launch();
    await eventually("a decision", () => approvalService.approvals.get("q1")?.status === "allowed");
    expect(approvalService.approvals.get("q1")?.decision).to.deep.include({
      updatedInput: { answers: { "Which port?": "8080" } },
      by: { channel: "slack", who: `<@${ADA}>`, from: `channel ${CHANNEL}, user ${ADA}` },
    });
  });

  it("opens no question again that was decided elsewhere meanwhile", async () => {
    const { started, thread } = await askedInSlack("Which port?");
    const { approvalService, slack, turns } = started;
    const { decide } = approvalService;
    approvalService.decide = async (id) => {
      await decide.call(approvalService, id, { decision: "deny" }, { channel: "dashboard", who: "admin" });
      await started.shows("Denied by admin");
      await sleep(50);
      throw new Error("the ledger is away");
    };
    slack.write("8080", { thread });
    await started.shows("Not possible: internal error");
    slack.write("a prompt", { thread });
    await started.shows("you said: a prompt");
    expect(turns.ran).to.have.length(2);
    await started.stop();
    const { entries } = await started.store.list("");
    expect(entries.filter(({ key }) => key.includes("/card/"))).to.deep.equal([]);
  });

  it("keeps nothing else from being received while Telegram accepts no edits", async () => {
    const started = await (await TestBot.start()).ready();
    bot = started;
    const { api } = started;
    const input = questionsOf("Which port?", "Which host?");
    started.ask({ id: "q1", kind: "question", tool: "AskUserQuestion", input });
    const question = await started.shows("Which port?");
    started.ask({ id: "a1" });
    const card = await started.shows("May Claude use Bash?");
    api.next("editMessageText", { status: 429, retryAfter: 5 });
    api.write("8080", { replyTo: question.id });
    await eventually("a refused edit", () => api.refusedAt.length === 1);
    const press = api.pressButton(card, "Deny");
    await eventually("an answer to the press", () => api.answerTo(press));
    expect(question.html, "it still waits to be redrawn").not.to.contain("Which host?");
    await started.shows("Which host?");
    api.write("localhost", { replyTo: question.id });
    await eventually("the decision", () => question.html.includes("Answered by"));
  });
});
