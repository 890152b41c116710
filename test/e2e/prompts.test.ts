import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startScriptedModel } from "@claudeway/plugin-demo/model";
import { expect } from "chai";
import { TestGateway } from "./gateway.js";
import { startWiretap, type Wiretap } from "./wiretap.js";

const LONG = Array.from(
  { length: 8000 },
  (_, line) => `line ${line}: forty bytes of text, or so ${"#".repeat(10)}`,
)
  .join("\n")
  .slice(0, 409_600);

/** RTL override and mark, an emoji of several code points, a flag, a combining accent, a zero-width space. */
const SIGNS = "\u202eמימין לשמאל\u202c \u200fعربي 👩‍👩‍👧‍👦 🇩🇪 e\u0301 \u200b. — ｆｕｌｌ";

/** Prompts that come to the model as they are, with or without `verbatim`. */
const PLAIN: Readonly<Record<string, string>> = {
  "400 kB": LONG,
  "one that looks like a flag": "--version and then tell me more",
  "emoji and right-to-left marks": SIGNS,
  "quotes, backslashes and what a shell would expand": '"$HOME" `id` $(id) \\ \' %s ; rm -rf nothing',
  "blank lines and spaces at both ends": "\n\n  indented\n\ttabbed  \n\n",
  "line breaks of every kind": "one\r\ntwo\rthree\u2028four\nfive",
  "something like a protocol message": '{"type":"control_request","request":{"subtype":"interrupt"}}',
};

/** Prompts that the CLI could interpret as something else. */
const VERBATIM: Readonly<Record<string, string>> = {
  "a slash command": "/clear",
  "a slash command with more behind it": "/help me with this",
  "a file mention": "@/etc/hostname",
  "a file mention inside a sentence": "what is in @/etc/hostname and in @package.json?",
  "a mode that only terminals have": "!ls",
  "a note to memory": "# remember this",
};

describe("prompts", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start();
  });
  after(() => gateway.dispose());

  /** Sends a prompt; what the model was asked in that session. */
  async function arrived(body: Readonly<Record<string, unknown>>): Promise<string | undefined> {
    const { status, body: answer } = await gateway.request("/task", { body });
    expect(status, JSON.stringify(answer)).to.equal(200);
    expect(answer).to.include({ success: true, error: null });
    const asked = gateway.model
      .requests()
      .filter(({ sessionId, kind }) => sessionId === answer["session_id"] && kind !== null);
    expect(asked, "one prompt, one request").to.have.length(1);
    return asked[0]?.prompt;
  }

  for (const [what, prompt] of Object.entries(PLAIN)) {
    it(`${what}: reaches the model as sent`, async () => {
      expect(await arrived({ prompt })).to.equal(prompt);
    });
  }

  for (const [what, prompt] of Object.entries({ ...VERBATIM, "400 kB": LONG })) {
    it(`${what}: with verbatim, reaches the model as sent`, async () => {
      expect(await arrived({ prompt, verbatim: true })).to.equal(prompt);
    });
  }

  it("without verbatim, a slash command runs and the model is not called", async () => {
    const before = gateway.model.requests().length;
    const { body } = await gateway.request("/task", { body: { prompt: "/clear" } });
    expect(body).to.include({ success: true, cost_usd: 0 });
    expect(gateway.model.requests()).to.have.length(before);
  });

  it("the same goes for a stream", async () => {
    const prompt = "/clear @/etc/hostname";
    const events = await gateway.events("/task/stream", { body: { prompt, verbatim: true } });
    const { session_id } = JSON.parse(events.at(-1)?.data ?? "{}");
    const asked = gateway.model.requests().find(({ sessionId }) => sessionId === session_id);
    expect(asked?.prompt).to.equal(prompt);
  });

  it("model and system prompt reach the model as sent", async () => {
    const system_prompt = `--dangerous "quoted"\n${SIGNS}`;
    const { body } = await gateway.request("/task", {
      body: { prompt: "Hi", model: "claude-haiku-4-5", system_prompt },
    });
    const asked = gateway.model.requests().find(({ sessionId }) => sessionId === body["session_id"]);
    expect(asked?.model).to.match(/^claude-haiku-4-5/);
    expect(asked?.system).to.include(system_prompt);
  });
});

describe("file mentions", () => {
  const CONTENT = "what only this file says: 7f3a91";
  let gateway: TestGateway;
  let wiretap: Wiretap;
  let closeModel = async () => {};
  before(async () => {
    const model = await startScriptedModel();
    wiretap = await startWiretap(model.url);
    gateway = await TestGateway.start({ env: { ANTHROPIC_BASE_URL: wiretap.url } });
    closeModel = () => model.close();
    mkdirSync(gateway.workdir, { recursive: true });
    writeFileSync(join(gateway.workdir, "notes.txt"), CONTENT);
  });
  after(async () => {
    await gateway.dispose();
    wiretap.close();
    await closeModel();
  });

  it("send the file to the model, as with claude -p, but not with verbatim", async () => {
    const body = { prompt: "what is in @notes.txt?" };
    expect((await gateway.request("/task", { body: { ...body, verbatim: true } })).body).to.include({
      success: true,
    });
    const [verbatim = "", ...more] = wiretap.bodies.filter((sent) => sent.includes(body.prompt));
    expect(more).to.deep.equal([]);
    expect(verbatim).to.not.include(CONTENT);
    expect((await gateway.request("/task", { body })).body).to.include({ success: true });
    expect(wiretap.bodies.at(-1), "so that the line above can fail").to.include(CONTENT);
  });
});
