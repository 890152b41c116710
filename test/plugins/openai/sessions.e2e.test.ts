import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import Anthropic from "@anthropic-ai/sdk";
import { expect } from "chai";
import OpenAI from "openai";
import { KEYS } from "../../e2e/gateway.js";
import { SUBSCRIBED } from "../../e2e/limit-kit.js";
import { OptionsGateway } from "../../e2e/options-kit.js";
import { eventually } from "../../e2e/poll.js";
import { conversationIn } from "../../e2e/sent-conversation.js";
import { onOneGateway } from "../../e2e/two-nodes.js";
import { rejection } from "../../kernel/kit.js";

const BASE = `
[plugins.openai]
enabled = true
timeout_secs = 300

[plugins.anthropic]
enabled = true
`;

type Said = { readonly role: "user" | "assistant"; readonly content: string };
const user = (content: string): Said => ({ role: "user", content });

describe("sessions of chats", () => {
  let options: OptionsGateway;
  before(async () => {
    options = await OptionsGateway.start({ config: BASE });
  });
  after(() => options.dispose());
  const restart = async (config = BASE) => {
    await options.gateway.stop();
    await options.gateway.launch({ config, env: options.env });
  };

  const clientOf = (key: string) =>
    new OpenAI({ apiKey: key, baseURL: `${options.gateway.url}/v1`, maxRetries: 0 });
  async function ask(
    messages: readonly Said[],
    { key = KEYS.bob as string, model = "sonnet", headers = {} } = {},
  ) {
    const { data, response } = await clientOf(key)
      .chat.completions.create({ model, messages: [...messages] }, { headers })
      .withResponse();
    const content = data.choices[0]?.message.content ?? "";
    return {
      chat: [...messages, { role: "assistant" as const, content }],
      from: response.headers.get("x-claudeway-history"),
      turnId: response.headers.get("x-turn-id") ?? "",
    };
  }
  const sent = () => conversationIn(options.bodies.at(-1) ?? "{}");
  const sessionOf = async (turnId: string) =>
    String((await options.gateway.request(`/turns/${turnId}`, { key: KEYS.bob })).body["session_id"]);

  it("are not listed, and belong to their key", async () => {
    const { chat, turnId } = await ask([user("[[words 1]] mine")]);
    const { body } = await options.gateway.request("/sessions", { key: KEYS.bob });
    expect(body).to.include({ total: 0 });
    const id = await sessionOf(turnId);
    expect((await options.gateway.request(`/session/${id}`, { key: KEYS.bob })).status).to.equal(200);
    expect((await options.gateway.request(`/session/${id}`, { key: KEYS.admin })).status).to.equal(404);
    const other = await ask([...chat, user("[[words 1]]")], { key: KEYS.admin });
    expect(other.from, "another key with the same chat").to.equal("seeded");
    expect((await ask([...chat, user("[[words 1]]")])).from).to.equal("live");
  });

  it("keep chats with different ids apart", async () => {
    const one = await ask([user("[[words 1]] same")], { headers: { "x-session-id": "1" } });
    const next = [...one.chat, user("[[words 1]] next")];
    expect((await ask(next, { headers: { "x-openwebui-chat-id": "2" } })).from).to.equal("seeded");
    expect((await ask(next)).from).to.equal("seeded");
    expect((await ask(next, { headers: { "x-session-id": "1" } })).from).to.equal("live");
  });

  it("are replaced when they were deleted", async () => {
    const { chat, turnId } = await ask([user("[[words 1]] deleted")]);
    const id = await sessionOf(turnId);
    const deleted = await options.gateway.request(`/session/${id}`, { method: "DELETE", key: KEYS.bob });
    expect(deleted.status).to.equal(200);
    const next = await ask([...chat, user("[[words 1]] next")]);
    expect(next.from).to.equal("seeded");
    expect((await ask([...next.chat, user("[[words 1]]")])).from).to.equal("live");
  });

  it("fork when their key went on in them by their id", async () => {
    const { chat, turnId } = await ask([user("[[words 1]] by id")]);
    const path = `/session/${await sessionOf(turnId)}`;
    await options.gateway.request(path, { key: KEYS.bob, body: { prompt: "[[words 1]] aside" } });
    expect((await ask([...chat, user("[[words 1]] next")])).from).to.equal("forked");
    expect(sent()).to.have.length(3);
  });

  it("fork for another model, which leaves no note in the chat", async () => {
    const { chat } = await ask([user("[[words 1]] models")]);
    const other = await ask([...chat, user("[[words 1]] next")], { model: "haiku" });
    expect(other.from).to.equal("forked");
    expect(sent()).to.have.length(3);
  });

  it("are not made for side jobs of front ends", async () => {
    const prompt =
      "### Task:\nGenerate a title.\n### Chat History:\n<chat_history>\nUSER: hi\n</chat_history> [[words 2]]";
    const { from } = await ask([user(prompt)]);
    expect(from).to.equal("none");
    expect(JSON.parse(options.bodies.at(-1) ?? "{}"))
      .to.include({ stream: true })
      .and.property("model")
      .contains("haiku");
  });

  it("stay where they are if a limit refuses a request, which both dialects report", async () => {
    await restart(`${BASE}
[plugins.limits]
enabled = true
[[plugins.limits.rates]]
name = "one"
concurrent_turns = 1
[[plugins.limits.budgets]]
name = "none"
usd = 0
window = "day"
keys = ["admin"]
`);
    const { chat } = await ask([user("[[words 1]] limited")]);
    const slow = ask([user("[[slow 100]] [[words 30]] slow")]);
    await eventually("the slow turn", () =>
      options.bodies.some((body) => body.includes("[[words 30]] slow")),
    );
    const next = [...chat, user("[[words 1]] next")];
    const limited = await rejection(ask(next));
    expect(limited).to.include({ status: 429, code: "rate_limit_exceeded" });
    expect(Object(limited).headers.get("retry-after")).to.match(/^\d+$/);
    const anthropic = new Anthropic({ apiKey: KEYS.bob, baseURL: options.gateway.url, maxRetries: 0 });
    const same = rejection(anthropic.messages.create({ model: "sonnet", max_tokens: 1, messages: next }));
    expect(await same).to.include({ status: 429, type: "rate_limit_error" });
    await slow;
    expect((await ask(next)).from).to.equal("live");
    const broke = await rejection(ask(next, { key: KEYS.admin }));
    expect(broke).to.include({ status: 402, code: "insufficient_quota" });
    expect(String(broke)).to.contain("the budget none of this key is used up");
  });

  it("report the account's usage limit with the time when it is lifted", async () => {
    await options.gateway.stop();
    await options.gateway.launch({ config: BASE, env: { ...options.env, ...SUBSCRIBED } });
    const error = await rejection(ask([user("[[limit five_hour 3]] [[words 1]]")]));
    expect(error).to.include({ status: 429, code: "usage_limit_reached" });
    expect(Number(Object(error).headers.get("retry-after"))).to.be.within(1, 4);
  });

  it("end with a turn of the agent that waits for an approval nobody gives", async () => {
    await restart(`${BASE}
[plugins.approval]
enabled = true
live_wait_secs = 1
`);
    const error = await rejection(ask([user("[[bash touch a]]")], { model: "claude-code/sonnet" }));
    expect(error).to.include({ status: 403, code: "approval_pending" });
    const { body } = await options.gateway.request("/approvals?status=pending");
    expect(body).to.include({ total: 0 });
  });

  onOneGateway(
    "nodes have conversations in the database too",
    () => {
      it("are replaced when the CLI has lost the conversation", async () => {
        const { chat } = await ask([user("[[words 1]] lost")]);
        await options.gateway.stop();
        const projects = join(options.gateway.dir, "claude", "projects");
        for (const name of readdirSync(projects)) rmSync(join(projects, name), { recursive: true });
        await options.gateway.launch();
        const next = await ask([...chat, user("[[words 1]] next")]);
        expect(next.from).to.equal("seeded");
        expect(sent()).to.have.length(3);
        expect((await ask([...next.chat, user("[[words 1]]")])).from).to.equal("live");
      });
    },
    () => options.gateway,
  );
});
