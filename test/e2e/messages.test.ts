import { rmSync } from "node:fs";
import { join } from "node:path";
import type { ConversationTurn, SessionMessages, TurnResponse } from "@claudeway/schemas";
import { expect } from "chai";
import { endJobs, JOB, notices, openTurns } from "./background-kit.js";
import { bash, Conversation } from "./conversation.js";
import { KEYS, TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";
import { inTheMiddle } from "./ways.js";

/** The texts of a turn's messages, with who said them. */
function said({ messages }: ConversationTurn): string[] {
  return messages.flatMap(({ role, content }) =>
    content.map((block) => {
      if (block.type === "text") return `${role}: ${block.text}`;
      if (block.type === "tool_use") return `${role}: ${block.name} ${JSON.stringify(block.input)}`;
      return block.type === "tool_result" ? `${role}: ${block.ok} ${block.text}` : `${role}: ${block.type}`;
    }),
  );
}

describe("GET /session/:id/messages", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start({ env: { IS_SANDBOX: "1" }, args: ["--enable-plugin", "dashboard"] });
  });
  after(() => gateway.dispose());

  async function messagesOf(id: string, query = "", key: string = KEYS.admin): Promise<SessionMessages> {
    const answer = await gateway.request<SessionMessages>(`/session/${id}/messages${query}`, { key });
    expect(answer.status, JSON.stringify(answer.body)).to.equal(200);
    return answer.body;
  }

  it("shows prompts, texts, tool calls and their results under the ids of their turns", async () => {
    const talk = await Conversation.start(gateway);
    const first = await talk.say("[[words 2]] first");
    const command = "echo made > made.txt; cat made.txt";
    const second = await talk.say(`[[words 1]] ${bash(command)} ${bash("exit 3")} [[words 3]]`);
    const { turns, ...page } = await messagesOf(talk.id);
    expect(page).to.deep.equal({ session_id: talk.id, transcript: "found", total: 2, page: 1, limit: 20 });
    expect(turns.map(({ turn_id }) => turn_id)).to.deep.equal(
      [second, first].map(({ headers }) => headers.get("x-turn-id")),
    );
    const [later, earlier] = turns;
    if (later === undefined || earlier === undefined) throw new Error("there are no two turns");
    expect(said(earlier)).to.deep.equal(["user: [[words 2]] first", "assistant: word1 word2"]);
    const lines = said(later);
    expect(lines[1]).to.equal("assistant: word1");
    expect(lines[2]).to.contain(`assistant: Bash {"command":"${command}"`);
    expect(lines[3]).to.equal("user: true made");
    expect(lines[5]).to.match(/^user: false .*3/);
    expect(lines.at(-1)).to.equal("assistant: word1 word2 word3");
    expect(later.messages[1]?.content).to.have.length(2);
  });

  it("shows the same after a restart and after a kill, page by page", async () => {
    const talk = await Conversation.start(gateway);
    for (const number of [1, 2, 3]) await talk.say(`[[words ${number}]] ${number}`);
    const before = await messagesOf(talk.id);
    await gateway.stop();
    await gateway.launch();
    expect(await messagesOf(talk.id)).to.deep.equal(before);
    await gateway.stop("SIGKILL");
    await gateway.launch();
    expect(await messagesOf(talk.id)).to.deep.equal(before);
    const pages = await Promise.all([1, 2, 3].map((page) => messagesOf(talk.id, `?limit=2&page=${page}`)));
    expect(pages.map(({ turns }) => turns.length)).to.deep.equal([2, 1, 0]);
    expect(pages.flatMap(({ turns }) => turns)).to.deep.equal(before.turns);
    await talk.say("[[words 4]] 4");
    expect((await messagesOf(talk.id)).turns.slice(1)).to.deep.equal(before.turns);
  });

  it("has the prompts that the dashboard shows after a restart", async () => {
    const talk = await Conversation.start(gateway);
    const { headers } = await talk.say("[[words 1]] before");
    await gateway.stop();
    await gateway.launch();
    const { body } = await gateway.request<{ turns: { prompt: unknown }[] }>(
      `/admin/sessions/${talk.id}/turns`,
    );
    const prompt = { text: "[[words 1]] before", chars: 18 };
    expect(body.turns.map((turn) => turn.prompt)).to.deep.equal([prompt]);
    const turn = await gateway.request(`/admin/turns/${headers.get("x-turn-id")}`);
    expect(turn.body["prompt"]).to.deep.equal(prompt);
  });

  it("shows a turn that was interrupted as one", async () => {
    const talk = await Conversation.start(gateway);
    await talk.say("[[words 1]]");
    await inTheMiddle(talk, "tool call", () => gateway.request(`${talk.path}/interrupt`, { method: "POST" }));
    await talk.say("[[words 2]]");
    const { turns, total } = await messagesOf(talk.id);
    expect(total).to.equal(3);
    for (const { turn_id } of turns) expect(turn_id).to.be.a("string");
    expect(turns[1] && said(turns[1])[0]).to.match(/^user: \[\[words 3\]\]/);
  });

  it("finds a turn that the CLI began by itself", async () => {
    const talk = await Conversation.start(gateway);
    await talk.say(`${JOB} [[words 2]]`);
    await endJobs(talk);
    await eventually("the background turn", async () => (await notices(talk)).length === 1 || undefined);
    await eventually("its end", async () => (await openTurns(talk)) === 0 || undefined);
    const { turns } = await messagesOf(talk.id);
    expect(turns.map(({ origin }) => origin)).to.deep.equal(["background", "prompt"]);
    const filed = (await talk.ledger.turns(talk.id)).map(({ id }) => id).reverse();
    expect(turns.map(({ turn_id }) => turn_id)).to.deep.equal(filed);
  });

  it("cuts long texts and says how long they are", async () => {
    const talk = await Conversation.start(gateway);
    await talk.say(`[[words 1]] ${"x".repeat(100_000)}`);
    const { turns } = await messagesOf(talk.id);
    const [block] = turns[0]?.messages[0]?.content ?? [];
    expect(block).to.include({ type: "text", length: 100_012 });
    expect(block?.type === "text" ? block.text.length : 0).to.equal(65_536);
  });

  it("shows what a one-shot task did", async () => {
    const { body } = await gateway.request<TurnResponse>("/task", { body: { prompt: "[[words 2]]" } });
    const { turns } = await messagesOf(body.session_id);
    expect(turns.map(({ turn_id }) => turn_id)).to.deep.equal([body.session_id]);
    expect(turns[0] && said(turns[0])).to.deep.equal(["user: [[words 2]]", "assistant: word1 word2"]);
  });

  it("distinguishes an empty session from one with a lost transcript", async () => {
    const talk = await Conversation.start(gateway);
    expect(await messagesOf(talk.id)).to.include({ transcript: "none", total: 0 });
    await talk.say("[[words 1]]");
    rmSync(join(gateway.dir, "claude", "projects"), { recursive: true });
    expect(await messagesOf(talk.id)).to.include({ transcript: "missing", total: 0 });
  });
});
