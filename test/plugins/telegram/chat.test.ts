import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { eventually } from "../../e2e/poll.js";
import { HOSTILE } from "../hostile.js";
import { ADA, BOB, CHAT_ID } from "./bot-api.js";
import { EDIT_MS, TestBot } from "./kit.js";
import { CodedError } from "./scripted-turns.js";

/** One per interval. A busy machine makes messages late, never early: each is held against the beginning. */
function expectSpaced(times: readonly number[], began: number): void {
  for (const [index, at] of times.entries()) expect(at - began).to.be.at.least(index * EDIT_MS - 15);
}

/** How long a hundred turns may take on a busy machine. */
const BUSY_MS = 150_000;

describe("telegram's chat", () => {
  let bot: TestBot;

  afterEach(async () => {
    await bot.dispose();
  });

  it("registers its commands in the configured language", async () => {
    bot = await (await TestBot.start({ language: "tr" })).ready();
    expect(bot.api.commands.map(({ command }) => command)).to.deep.equal([
      "new",
      "stop",
      "status",
      "file",
      "repos",
      "close",
      "help",
    ]);
    expect(bot.api.commands[1]?.description).to.equal("çalışan isteği durdur, bekleyenleri sil");
  });

  it("runs a message in a topic as a turn of the topic's session, as its key id", async () => {
    bot = await (await TestBot.start()).ready();
    const id = bot.api.write("hello", { thread: 7 });
    const shown = await bot.shows("you said: hello");
    expect(shown).to.include({ thread: 7, replyTo: id, chatId: String(CHAT_ID) });
    bot.api.write("again", { thread: 7 });
    bot.api.write("elsewhere", { thread: 8 });
    bot.api.write("general");
    await bot.shows("you said: again");
    await bot.shows("you said: elsewhere");
    await bot.shows("you said: general");
    const sessionOf = (prompt: string) => bot.turns.ran.find((one) => one.prompt === prompt)?.sessionId;
    expect(sessionOf("again")).to.equal(sessionOf("hello"));
    expect(new Set([sessionOf("hello"), sessionOf("elsewhere"), sessionOf("general")]).size).to.equal(3);
    expect(bot.turns.ran[0]?.keyId).to.equal("telegram");
  });

  it("streams by editing one message, at most once per interval, and ends with the whole text", async () => {
    bot = await (await TestBot.start()).ready();
    bot.turns.script = () => ({ pieces: Array.from({ length: 80 }, (_, n) => `**w${n}** `), everyMs: 10 });
    const began = performance.now();
    bot.api.write("go", { thread: 7 });
    const shown = await bot.shows("w79");
    expect(shown.html).to.contain("<b>w79</b>");
    expect(bot.api.texts(7)).to.have.length(1);
    expect(shown.edits.length).to.be.at.least(2);
    expectSpaced(
      shown.edits.map(({ at }) => at),
      began,
    );
  });

  it("obeys retry_after while an answer grows and at its end", async () => {
    bot = await (await TestBot.start()).ready();
    bot.turns.script = () => ({ pieces: Array.from({ length: 30 }, (_, n) => `w${n} `), everyMs: 10 });
    // The turn ends before that is over, also on a busy machine.
    bot.api.next("editMessageText", { status: 429, description: "Too Many Requests", retryAfter: 5 });
    bot.api.write("go", { thread: 7 });
    const shown = await bot.shows("w29");
    expect(shown.edits).to.have.length(1);
    expect((shown.edits[0]?.at ?? 0) - (bot.api.refusedAt[0] ?? Number.NaN)).to.be.at.least(4980);
    expect(bot.api.count("editMessageText")).to.equal(2);
  });

  it("shares one edit per interval among all growing answers, fairly", async () => {
    bot = await (await TestBot.start()).ready();
    bot.turns.script = () => ({ pieces: Array.from({ length: 60 }, (_, n) => `w${n} `), everyMs: 20 });
    const threads = [1, 2, 3, 4, 5, 6];
    const began = performance.now();
    for (const thread of threads) bot.api.write("go", { thread });
    const last = () => threads.every((thread) => bot.api.texts(thread).some((text) => text.includes("w59")));
    await eventually("six answers", last);
    const growing = bot.api.shown.flatMap(({ at, edits }) => [
      at,
      ...edits.slice(0, -1).map((edit) => edit.at),
    ]);
    growing.sort((one, other) => one - other);
    expectSpaced(growing, began);
    for (const { edits } of bot.api.shown) expect(edits.length).to.be.at.least(2);
  });

  it("sends an answer again if its message was deleted while it grew", async () => {
    bot = await (await TestBot.start()).ready();
    bot.turns.script = () => ({ pieces: Array.from({ length: 40 }, (_, n) => `w${n} `), everyMs: 10 });
    bot.api.write("go", { thread: 7 });
    const first = await bot.shows("w1");
    first.deleted = true;
    const whole = await bot.shows("w39");
    expect(whole.id).not.to.equal(first.id);
    expect(bot.api.texts(7)).to.have.length(1);
  });

  for (const complaint of ["message thread not found", "TOPIC_CLOSED"]) {
    it(`sends to General what belongs in a topic for which Telegram says ${complaint}`, async () => {
      bot = await (await TestBot.start({ feed_topic: 3 })).ready();
      bot.api.write("hi", { thread: 7 });
      await bot.shows("you said: hi");
      bot.api.gone.set(7, complaint);
      bot.api.gone.set(3, complaint);
      bot.ask({ id: "a1", sessionId: bot.turns.ran[0]?.sessionId ?? "" });
      const card = await bot.shows("use Bash?");
      expect(card.thread).to.equal(undefined);
      bot.api.pressButton(card, "Approve");
      await eventually("no buttons", () => card.buttons.length === 0);
      bot.ask({ id: "a2", tool: "Write" });
      expect((await bot.shows("use Write?")).thread).to.equal(undefined);
      bot.turns.script = () => ({ pieces: [`${"0123456789 ".repeat(10_000)}end`] });
      bot.api.write("very", { thread: 7 });
      await eventually("a file", () => bot.api.shown.some(({ file }) => file !== undefined));
    });
  }

  for (const [what, status, description] of [
    ["the bot was removed", 403, "Forbidden: bot was kicked from the supergroup chat"],
    ["the bot was muted", 400, "Bad Request: not enough rights to send text messages to the chat"],
  ] as const) {
    it(`shows in the plugin list that ${what}, until a message succeeds`, async () => {
      bot = await (await TestBot.start()).ready();
      bot.api.always.set("sendMessage", { status, description });
      bot.api.write("hello", { thread: 7 });
      await eventually("a notice", () => bot.notices.some((line) => line.includes(description)));
      bot.api.always.clear();
      bot.api.write("again", { thread: 7 });
      await bot.shows("you said: again");
      await eventually("no notice", () => !bot.notices.some((line) => line.includes(description)));
    });
  }

  it("says which chat_id to set when the group has become a supergroup", async () => {
    bot = await (await TestBot.start()).ready();
    bot.api.write("", { extra: { text: undefined, migrate_to_chat_id: -1009876543210 } });
    await eventually("a notice", () =>
      bot.notices.some((line) => line.includes('set chat_id = "-1009876543210"')),
    );
    expect(bot.turns.ran).to.deep.equal([]);
  });

  it("splits a long answer, and sends a very long one as a file too", async () => {
    bot = await (await TestBot.start()).ready();
    bot.turns.script = (prompt) => ({
      pieces: [`${"0123456789 ".repeat(prompt === "long" ? 1000 : 10_000)}end`],
    });
    bot.api.write("long", { thread: 7 });
    await bot.shows("end");
    expect(bot.api.texts(7)).to.have.length(3);
    bot.api.write("very", { thread: 8 });
    const file = await eventually("a file", () => bot.api.shown.find((one) => one.file !== undefined));
    expect(file.file).to.have.length(110_003);
    expect(bot.api.texts(8)).to.have.length(9);
    expect(file).to.include({
      thread: 8,
      replyTo: bot.api.shown.find(({ thread }) => thread === 8)?.replyTo,
    });
  });

  it("keeps a reply chain as a session in a plain chat", async () => {
    bot = await TestBot.start({}, ({ api }) => {
      api.forum = false;
    });
    await bot.ready();
    const first = bot.api.write("one");
    const answer = await bot.shows("you said: one");
    expect(answer.replyTo).to.equal(first);
    // The bot knows the id of its message only after Telegram's answer, which may come after the message is shown.
    await bot.stored("chain", 2);
    bot.api.write("two", { replyTo: answer.id });
    await bot.shows("you said: two");
    bot.api.write("three", { replyTo: first });
    await bot.shows("you said: three");
    bot.api.write("apart");
    await bot.shows("you said: apart");
    const sessions = bot.turns.ran.map(({ sessionId }) => sessionId);
    expect(sessions[1]).to.equal(sessions[0]);
    expect(sessions[2]).to.equal(sessions[0]);
    expect(sessions[3]).not.to.equal(sessions[0]);
  });

  it("creates a topic for /new, with a model; without the right to, a session in General", async () => {
    bot = await (await TestBot.start()).ready();
    bot.api.write("/new opus");
    const greeting = await bot.shows("New session with opus");
    const [topic] = bot.api.topics.keys();
    expect(greeting.thread).to.equal(topic);
    await bot.shows("The new session is in the topic Claude opus");
    bot.api.write("hi", { thread: topic ?? 0 });
    await bot.shows("you said: hi");
    expect([...bot.turns.sessions.values()].map(({ model }) => model)).to.deep.equal(["opus"]);
    bot.api.mayMakeTopics = false;
    bot.api.write("/new@claude_test_bot haiku");
    await bot.shows("New session with haiku");
    expect(bot.api.topics.size).to.equal(1);
    bot.api.write("in general");
    await bot.shows("you said: in general");
    expect([...bot.turns.sessions.values()].map(({ model }) => model)).to.include("haiku");
  });

  it("interrupts the running turn with /stop and drops waiting messages", async () => {
    bot = await (await TestBot.start()).ready();
    bot.turns.script = (prompt) => ({ pieces: Array(prompt === "slow" ? 500 : 1).fill("z "), everyMs: 10 });
    bot.api.write("slow", { thread: 7 });
    bot.api.write("waits 1", { thread: 7 });
    bot.api.write("waits 2", { thread: 7 });
    await bot.shows("z z");
    bot.api.write("/status", { thread: 7 });
    await bot.shows("A turn is running. Messages waiting: 2.");
    bot.api.write("/stop", { thread: 7 });
    await bot.shows("Stopped. Waiting messages dropped: 2.");
    await bot.shows("Failed: the turn was interrupted");
    bot.api.write("/stop", { thread: 7 });
    await bot.shows("Nothing is running here.");
    expect(bot.turns.ran.map(({ prompt }) => prompt)).to.deep.equal(["slow"]);
  });

  it("shows turns and cost with /status, deletes with /close, shows help with /help", async () => {
    bot = await (await TestBot.start()).ready();
    bot.api.write("/status", { thread: 7 });
    await bot.shows("There is no session here yet");
    bot.api.write("hi", { thread: 7 });
    await bot.shows("you said: hi");
    bot.api.write("/status", { thread: 7 });
    const status = await bot.shows("Turns: 3");
    expect(status.html).to.contain("Cost: $0.1234").and.contain("7 turns, $1.5000");
    bot.api.topics.set(7, { name: "x", closed: false });
    bot.api.write("/close", { thread: 7 });
    await bot.shows("The session is deleted.");
    await eventually("the topic is closed", () => bot.api.topics.get(7)?.closed);
    expect(bot.turns.sessions.size).to.equal(0);
    bot.api.write("/start", { thread: 7 });
    await bot.shows("/close – delete this session");
    bot.api.write("/compact now", { thread: 7 });
    await bot.shows("you said: /compact now");
    bot.api.write("/compact@claude_test_bot later", { thread: 7 });
    await bot.shows("you said: /compact later");
    bot.api.write("/help@another_bot", { thread: 9 });
    await sleep(100);
    expect(bot.api.texts(9)).to.deep.equal([]);
  });

  it("starts a new session if the old one was deleted, and says so", async () => {
    bot = await (await TestBot.start()).ready();
    bot.api.write("one", { thread: 7 });
    await bot.shows("you said: one");
    bot.turns.sessions.clear();
    bot.api.write("two", { thread: 7 });
    await bot.shows("The session was deleted; this is a new one");
    await bot.shows("you said: two");
  });

  it("reports a failure in the gateway's words, and continues", async () => {
    bot = await (await TestBot.start()).ready();
    bot.turns.refuse = new CodedError("UNAVAILABLE", "256 prompts wait already");
    bot.api.write("one", { thread: 7 });
    await bot.shows("Failed: 256 prompts wait already");
    bot.turns.refuse = new Error("ECONNREFUSED /secret/path");
    bot.api.write("two", { thread: 7 });
    await bot.shows("Failed: internal error; see the log");
    bot.turns.refuse = undefined;
    bot.turns.script = () => ({
      pieces: ["half an ans"],
      response: { success: false, error: "API Error: 529" },
    });
    bot.api.write("three", { thread: 7 });
    await bot.shows("half an ans\n\n⚠️ Failed: API Error: 529");
    bot.turns.script = () => ({ pieces: [] });
    bot.api.write("four", { thread: 7 });
    await bot.shows("(no text)");
    bot.api.write("", { thread: 7, extra: { photo: [{}], text: undefined } });
    await bot.shows("I can only read text, images, PDF and text files");
    for (let n = 0; n < 10; n++) {
      const album = { photo: [{}], caption: "fix this", media_group_id: "g1", text: undefined };
      bot.api.write("", { thread: 8, extra: album });
    }
    bot.api.write("last", { thread: 8 });
    await eventually("both answers", () => bot.api.texts(8).length === 2);
    expect(bot.api.texts(8).filter((text) => text.includes("only read text"))).to.have.length(1);
  });

  it("passes photos and PDF files on with their captions, an album as one prompt", async () => {
    bot = await (await TestBot.start()).ready();
    const sent = (id: string, content: string) => {
      bot.api.files.set(id, Buffer.from(content));
      return content;
    };
    sent("small", "thumbnail");
    sent("large", "the photo");
    const photo = [{ file_id: "small" }, { file_id: "large" }];
    bot.api.write("", { thread: 7, extra: { text: undefined, photo, caption: "what is this?" } });
    await bot.shows("you said: what is this?");
    const image = (content: string) => {
      const data = Buffer.from(content).toString("base64");
      return { type: "image", source: { type: "base64", media_type: "image/jpeg", data } };
    };
    expect(bot.turns.contents).to.deep.equal([[image("the photo"), { type: "text", text: "what is this?" }]]);

    for (const [no, id] of ["one", "two", "three"].entries()) {
      sent(id, id);
      const album = { photo: [{ file_id: id }], media_group_id: "g1", text: undefined };
      bot.api.write("", { thread: 7, extra: no === 0 ? { ...album, caption: "compare" } : album });
    }
    await bot.shows("you said: compare");
    const [, compared] = bot.turns.contents;
    expect(compared).to.deep.equal([
      ...["one", "two", "three"].map(image),
      { type: "text", text: "compare" },
    ]);

    sent("pdf", "%PDF-1.7");
    const document = { file_id: "pdf", mime_type: "application/pdf", file_name: "a.pdf", file_size: 8 };
    bot.api.write("", { thread: 7, extra: { text: undefined, document } });
    await eventually("the document", () => bot.turns.contents.length === 3);
    expect(bot.turns.contents[2]).to.have.length(1);
    expect(bot.turns.contents[2]?.[0]).to.include({ type: "document" });
  });

  it("says so when a file cannot be fetched or read, and goes on", async () => {
    bot = await (await TestBot.start()).ready();
    const photo = [{ file_id: "missing" }];
    bot.api.write("", { thread: 7, extra: { text: undefined, photo } });
    await bot.shows("could not be fetched");
    bot.api.write("", { thread: 7, extra: { text: undefined, photo, caption: "see this" } });
    await bot.shows("you said: see this");
    const zip = { file_id: "z", mime_type: "application/zip", file_name: "a.zip" };
    const big = { file_id: "b", mime_type: "application/pdf", file_size: 20_000_001 };
    for (const document of [zip, big]) bot.api.write("", { thread: 8, extra: { text: undefined, document } });
    await eventually("two notes", () => bot.api.texts(8).length === 2);
    expect(bot.turns.contents).to.deep.equal([]);
    expect(bot.turns.ran).to.have.length(1);
    const all = JSON.stringify(bot.complaints) + bot.api.texts().join();
    expect(all).not.to.include(bot.api.token);
  });

  it("says what to do in the chat where the conversation is lost", async () => {
    bot = await (await TestBot.start()).ready();
    const error = 'the conversation is lost; {"restart_conversation": true} begins anew';
    bot.turns.script = () => ({ response: { success: false, result: "", error, code: "CONVERSATION_LOST" } });
    bot.api.write("go on", { thread: 7 });
    const shown = await bot.shows("Start a new one with /new.");
    expect(shown.html).to.not.contain("restart_conversation");
  });

  it("ignores service messages and posts of a linked channel", async () => {
    bot = await (await TestBot.start()).ready();
    const telegram = { id: 777000, first_name: "Telegram" };
    bot.api.write("a post", { thread: 7, from: telegram, extra: { is_automatic_forward: true } });
    bot.api.write("", { thread: 7, extra: { text: undefined, forum_topic_closed: {} } });
    bot.api.write("", { thread: 7, extra: { text: undefined, new_chat_members: [ADA] } });
    bot.api.write("", { thread: 7, extra: { text: undefined, pinned_message: { message_id: 1 } } });
    bot.api.push({
      edited_message: { message_id: 5, date: 1, from: ADA, chat: { id: CHAT_ID }, text: "edited" },
    });
    bot.api.push({ channel_post: { message_id: 6, date: 1, chat: { id: CHAT_ID }, text: "posted" } });
    bot.api.write("written", { thread: 7 });
    await bot.shows("you said: written");
    expect(bot.turns.ran.map(({ prompt }) => prompt)).to.deep.equal(["written"]);
    expect(bot.api.texts()).to.have.length(1);
  });

  it("runs a message that is delivered twice only once", async () => {
    bot = await (await TestBot.start()).ready();
    const id = bot.api.write("once", { thread: 7 });
    await bot.shows("you said: once");
    const message = {
      message_id: id,
      date: 1,
      from: ADA,
      chat: { id: CHAT_ID, type: "supergroup", is_forum: true },
    };
    bot.api.push(
      { message: { ...message, text: "once", message_thread_id: 7, is_topic_message: true } },
      500,
    );
    bot.api.push({ message: { ...message, text: "once", message_thread_id: 7, is_topic_message: true } });
    bot.api.write("last", { thread: 7 });
    await bot.shows("you said: last");
    expect(bot.turns.ran.map(({ prompt }) => prompt)).to.deep.equal(["once", "last"]);
  });

  it("continues its sessions and queued messages after a restart", async () => {
    bot = await (await TestBot.start()).ready();
    bot.api.write("one", { thread: 7 });
    await bot.shows("you said: one");
    bot.turns.script = (prompt) => ({ pieces: [`you said: ${prompt}`], everyMs: 300 });
    bot.api.write("two", { thread: 7 });
    bot.api.write("three", { thread: 7 });
    await eventually("the turn runs", () => bot.turns.ran.length === 2);
    await bot.stop();
    expect(bot.api.find("you said: two")).to.equal(undefined);
    await bot.launch();
    await bot.shows("you said: two");
    await bot.shows("you said: three");
    bot.api.write("four", { thread: 7 });
    await bot.shows("you said: four");
    expect(bot.turns.ran.map(({ prompt }) => prompt)).to.deep.equal(["one", "two", "three", "four"]);
    expect(new Set(bot.turns.ran.map(({ sessionId }) => sessionId)).size).to.equal(1);
  });

  it("ignores other chats, answers there once, and logs it", async () => {
    bot = await (await TestBot.start()).ready();
    for (let n = 0; n < 20; n++) bot.api.write(`let me in ${n}`, { chatId: -100999, from: BOB });
    bot.api.write("/close", { chatId: 42, from: ADA });
    bot.api.write("last", { thread: 7 });
    await bot.shows("you said: last");
    await eventually(
      "two answers",
      () => bot.api.shown.filter(({ html }) => html.includes("another chat")).length === 2,
    );
    expect(bot.turns.ran).to.have.length(1);
    expect(bot.complaints.filter((line) => line.includes("another chat"))).to.have.length(2);
  });

  it("ignores users who are not in allowed_users, and warns if it is not set", async () => {
    bot = await (await TestBot.start({ allowed_users: [ADA.id] })).ready();
    expect(bot.notices.join()).not.to.contain("allowed_users");
    bot.api.write("mine", { from: BOB, thread: 7 });
    bot.api.write("/close", { from: BOB, thread: 7 });
    bot.api.write("anonymous", { from: { id: 1087968824, first_name: "Group", is_bot: true }, thread: 7 });
    bot.api.write("hers", { thread: 7 });
    await bot.shows("you said: hers");
    await bot.shows("you are not allowed to use this bot");
    await bot.shows("Turn off “Remain anonymous”");
    expect(bot.turns.ran.map(({ prompt }) => prompt)).to.deep.equal(["hers"]);
    await bot.stop();
    await bot.launch();
    expect(bot.notices.join()).to.contain("allowed_users is not set: every member of the chat");
    expect(bot.complaints.join()).to.contain("allowed_users is not set");
  });

  it("keeps order and sessions of a hundred messages in ten topics at once", async () => {
    bot = await TestBot.start();
    bot.turns.script = (prompt) => ({ pieces: ["echo ", prompt], everyMs: 5 });
    for (let n = 0; n < 10; n++)
      for (let topic = 1; topic <= 10; topic++) bot.api.write(`t${topic} m${n}`, { thread: topic });
    await eventually(
      "a hundred answers",
      () => bot.api.shown.filter(({ html }) => html.includes("echo t")).length === 100,
      BUSY_MS,
    );
    expect(bot.turns.ran).to.have.length(100);
    const sessions = new Set<string>();
    for (let topic = 1; topic <= 10; topic++) {
      const expected = Array.from({ length: 10 }, (_, n) => `echo t${topic} m${n}`);
      await eventually(
        `the answers in topic ${topic}`,
        () => bot.api.texts(topic).join() === expected.join(),
        BUSY_MS,
      );
      const ran = bot.turns.ran.filter(({ prompt }) => prompt.startsWith(`t${topic} `));
      expect(ran.map(({ prompt }) => prompt)).to.deep.equal(expected.map((text) => text.slice(5)));
      const own = new Set(ran.map(({ sessionId }) => sessionId));
      expect(own.size).to.equal(1);
      for (const id of own) sessions.add(id);
    }
    expect(sessions.size).to.equal(10);
  }).timeout(2 * BUSY_MS);

  it("limits the number of waiting messages, and refuses more", async () => {
    bot = await (await TestBot.start()).ready();
    // The first one runs until it is stopped.
    bot.turns.script = () => ({ pieces: ["x"], everyMs: 600_000 });
    for (let n = 0; n < 60; n++) bot.api.write(`m${n}`, { thread: 7 });
    await eventually(
      "ten refusals",
      () => bot.api.texts(7).filter((text) => text.includes("Too many")).length === 10,
    );
    bot.api.write("/stop", { thread: 7 });
    await bot.shows("Waiting messages dropped: 49.");
  });

  it("survives hostile prompts, results, models and names", async () => {
    bot = await (await TestBot.start({ allowed_users: [ADA.id] })).ready();
    bot.turns.script = (prompt) => ({ pieces: [prompt], response: { success: false, error: prompt } });
    const failures: string[] = [];
    for (const [index, [what, whole]] of HOSTILE.entries()) {
      // Telegram's limit for what people write.
      const text = whole.slice(0, 4096);
      const thread = 10_000 + index;
      bot.api.write(text, { thread, from: { ...ADA, first_name: text.slice(0, 64), username: "ada" } });
      bot.api.write(`/new ${text}`, { thread });
      await eventually(what, () =>
        bot.api.texts(thread).some((shown) => shown.includes("New session")),
      ).catch(() => failures.push(what));
    }
    await eventually("every prompt ran", () => bot.turns.ran.length >= HOSTILE.length - 2);
    expect(failures).to.deep.equal([]);
    bot.api.write("still there", { thread: 1 });
    await bot.shows("still there");
    expect(bot.complaints).to.deep.equal([]);
  });
});
