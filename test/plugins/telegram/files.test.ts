import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { pipeline } from "node:stream/promises";
import { expect } from "chai";
import { eventually, limitSecs } from "../../e2e/poll.js";
import { TestBot } from "./kit.js";

describe("telegram's progress and files", () => {
  let bot: TestBot;

  afterEach(async () => {
    await bot.dispose();
  });

  it("shows what Claude does below the text so far, and that it is typing, until the answer is there", async () => {
    bot = await (await TestBot.start()).ready();
    bot.turns.script = () => ({
      calls: [{ name: "Bash", input: { command: "npm `test`\nand more" } }],
      pieces: ["", "", "", "", "", "", "done"],
      everyMs: 60,
    });
    bot.api.write("go", { thread: 7 });
    const growing = await bot.shows("🔧 Bash npm test and more");
    await eventually("the answer", () => growing.html === "done");
    expect(bot.api.texts(7)).to.deep.equal(["done"]);
    expect(bot.api.count("sendChatAction")).to.be.at.least(1);
  });

  it("sends the files that the turn has written and the answer names, and no others", async () => {
    bot = await (await TestBot.start()).ready();
    bot.turns.files.set("out/report a.csv", "x,y");
    bot.turns.files.set("scratch.txt", "notes");
    bot.turns.script = () => ({
      calls: [
        { name: "Write", input: { file_path: "/w/out/report a.csv", content: "" } },
        { name: "Write", input: { file_path: "/w/scratch.txt", content: "" } },
        { name: "Write", input: { file_path: "/etc/passwd", content: "" } },
      ],
      pieces: ["See `report a.csv` and ", "/etc/passwd."],
      everyMs: 40,
    });
    const id = bot.api.write("go", { thread: 7 });
    const sent = await eventually("a file", () => bot.api.shown.find(({ file }) => file !== undefined));
    expect(sent).to.include({ file: "x,y", html: "out/report a.csv", thread: 7, replyTo: id });
    bot.turns.script = () => ({ pieces: ["next"] });
    bot.api.write("more", { thread: 7 });
    await bot.shows("next");
    expect(bot.api.shown.filter(({ file }) => file !== undefined)).to.have.length(1);
  });

  it("sends a file on request, and says so if it does not exist", async () => {
    bot = await (await TestBot.start()).ready();
    bot.api.write("/file a.txt", { thread: 7 });
    await bot.shows("There is no session here yet");
    bot.api.write("hi", { thread: 7 });
    await bot.shows("you said: hi");
    bot.turns.files.set("a.txt", "content");
    bot.api.write("/file a.txt", { thread: 7 });
    await eventually("the file", () => bot.api.shown.some(({ file }) => file === "content"));
    bot.api.write("/file ../b.txt", { thread: 7 });
    await bot.shows("There is no file ../b.txt in this session.");
  });

  it("gives a large file the time that it needs", async () => {
    const limit = limitSecs(0.5);
    bot = await (await TestBot.start({ request_timeout_secs: limit })).ready();
    bot.turns.files.set("large.csv", "x".repeat(200_000));
    bot.api.lateMs.set("sendDocument", limit * 1000 + 500);
    bot.turns.script = () => ({
      calls: [{ name: "Write", input: { file_path: "/w/large.csv", content: "" } }],
      pieces: ["See large.csv"],
      everyMs: 40,
    });
    bot.api.write("go", { thread: 7 });
    bot.api.write("more", { thread: 7 });
    await eventually("both answers", () => bot.turns.ran.length === 2);
    expect(bot.api.count("sendDocument")).to.equal(1);
  });

  it("says that a file could not be sent, and goes on with the conversation", async () => {
    bot = await (await TestBot.start({ request_timeout_secs: limitSecs(0.5) })).ready();
    bot.api.always.set("sendDocument", "hang");
    bot.turns.files.set("a.txt", "content");
    bot.turns.script = () => ({
      calls: [{ name: "Write", input: { file_path: "/w/a.txt", content: "" } }],
      pieces: ["See a.txt"],
      everyMs: 40,
    });
    bot.api.write("go", { thread: 7 });
    await bot.shows("The file a.txt could not be sent: no response from 127.0.0.1");
    bot.turns.script = () => ({ pieces: ["next"] });
    bot.api.write("more", { thread: 7 });
    await bot.shows("next");
    bot.api.write("/file a.txt", { thread: 7 });
    await eventually(
      "another note",
      () => bot.api.texts(7).filter((text) => text.includes("a.txt could")).length === 2,
    );
    bot.turns.script = () => ({ pieces: ["long ".repeat(10_000)] });
    bot.api.write("long", { thread: 7 });
    await bot.shows("The file answer.md could not be sent");
  });

  it("passes text files on, and says that voice messages are unsupported", async () => {
    bot = await (await TestBot.start()).ready();
    bot.api.files.set("f1", Buffer.from("a,b"));
    const document = { file_id: "f1", mime_type: "text/csv", file_name: "t.csv", file_size: 3 };
    bot.api.write("", { thread: 7, extra: { text: undefined, document, caption: "sum up" } });
    await bot.shows("you said: sum up");
    expect(bot.turns.contents[0]?.[0]).to.deep.equal({ type: "text", text: 'The file "t.csv":\n\na,b' });
    bot.api.write("", { thread: 7, extra: { text: undefined, voice: { file_id: "v1", duration: 2 } } });
    await bot.shows("voice messages are unsupported");
  });

  describe("with a transcriber", () => {
    let transcriber: Server;
    let received: { authorization: string | undefined; body: string }[];
    let status: number;

    beforeEach(async () => {
      received = [];
      status = 200;
      transcriber = createServer(async (request, response) => {
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk);
        received.push({
          authorization: request.headers.authorization,
          body: Buffer.concat(chunks).toString(),
        });
        response.writeHead(status).end('{"text":" run the tests "}');
      });
      transcriber.listen(0, "127.0.0.1");
      await once(transcriber, "listening");
    });
    afterEach(async () => {
      transcriber.closeAllConnections();
      transcriber.close();
    });

    it("makes prompts of voice messages, or says that it could not", async () => {
      const address = transcriber.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      const transcribe_url = `http://127.0.0.1:${port}/v1/audio/transcriptions`;
      bot = await (await TestBot.start({ transcribe_url, transcribe_key: "sk-secret" })).ready();
      bot.api.files.set("v1", Buffer.from("the sound"));
      const extra = { text: undefined, voice: { file_id: "v1", duration: 2, mime_type: "audio/ogg" } };
      bot.api.write("", { thread: 7, extra });
      await bot.shows("you said: run the tests");
      expect(received[0]?.authorization).to.equal("Bearer sk-secret");
      expect(received[0]?.body).to.contain("the sound").and.contain("whisper-1").and.contain("voice.ogg");
      status = 500;
      bot.api.write("", { thread: 7, extra });
      await bot.shows("could not be transcribed");
      expect(bot.turns.ran).to.have.length(1);
      expect(JSON.stringify(bot.running.lines)).not.to.contain("sk-secret");
    });

    it("answers questions with voice messages", async () => {
      const address = transcriber.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      bot = await (await TestBot.start({ transcribe_url: `http://127.0.0.1:${port}/` })).ready();
      bot.api.files.set("v1", Buffer.from("the sound"));
      const input = { questions: [{ question: "What now?", options: [{ label: "stop", description: "" }] }] };
      bot.ask({ id: "q1", kind: "question", tool: "AskUserQuestion", input });
      const question = await bot.shows("What now?");
      const extra = { text: undefined, voice: { file_id: "v1", duration: 2, mime_type: "audio/ogg" } };
      bot.api.write("", { replyTo: question.id, extra });
      await eventually("a decision", () => bot.approvalService.approvals.get("q1")?.status === "allowed");
      expect(bot.approvalService.approvals.get("q1")?.decision?.updatedInput).to.deep.equal({
        answers: { "What now?": "run the tests" },
      });
      expect(bot.turns.ran).to.have.length(0);
    });

    it("stops reading an answer that does not end", async () => {
      let sent = 0;
      const chunk = Buffer.alloc(65_536, "x");
      transcriber.removeAllListeners("request");
      transcriber.on("request", async (request, response) => {
        request.resume();
        const endless = function* () {
          for (; sent < 60_000_000; sent += chunk.length) yield chunk;
        };
        await pipeline(endless, response).catch(() => undefined);
      });
      const address = transcriber.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      bot = await (await TestBot.start({ transcribe_url: `http://127.0.0.1:${port}/` })).ready();
      bot.api.files.set("v1", Buffer.from("the sound"));
      const extra = { text: undefined, voice: { file_id: "v1", duration: 2, mime_type: "audio/ogg" } };
      bot.api.write("", { thread: 7, extra });
      await bot.shows("could not be transcribed");
      // One megabyte is read; the rest is in the buffers of the sockets.
      expect(sent).to.be.lessThan(30_000_000);
    });
  });
});
