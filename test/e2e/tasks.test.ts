import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import type { TurnResponse } from "#schemas/index.js";
import { auditLines } from "./audit.js";
import { TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";

/** USD a million tokens of sonnet, as the CLI prices them. */
const SONNET = { input: 2, output: 10, cache_read: 0.1, cache_write: 2.5 } as const;

function priceOf(tokens: TurnResponse["tokens"]): number {
  const { input, output, cache_read, cache_write } = tokens;
  const { input: i, output: o, cache_read: r, cache_write: w } = SONNET;
  return (input * i + output * o + cache_read * r + cache_write * w) / 1e6;
}

/** The tokens that the model dealt to a session, in all. */
function dealtTo(gateway: TestGateway, sessionId: string): TurnResponse["tokens"] {
  const sum = { input: 0, output: 0, cache_read: 0, cache_write: 0 };
  for (const { dealt } of gateway.model.dealt().filter((usage) => usage.sessionId === sessionId)) {
    sum.input += dealt.input_tokens;
    sum.output += dealt.output_tokens;
    sum.cache_read += dealt.cache_read_input_tokens;
    sum.cache_write += dealt.cache_creation_input_tokens;
  }
  return sum;
}

/** Root has no bypass anyway, unless the CLI runs in the sandbox. */
const args = ["--no-permissions-bypass"];

describe("POST /task", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start({ args });
  });
  after(() => gateway.dispose());

  it("answers with the result, the tokens and the cost that the model dealt", async () => {
    const { status, body, headers } = await gateway.request<TurnResponse>("/task", {
      body: { prompt: "[[words 7]]" },
    });
    expect(status).to.equal(200);
    expect(body).to.have.all.keys(
      ...["session_id", "result", "success", "duration_ms", "tokens", "cost_usd", "error"],
    );
    expect(body).to.include({
      result: "word1 word2 word3 word4 word5 word6 word7",
      success: true,
      error: null,
    });
    expect(body.tokens).to.deep.equal(dealtTo(gateway, body.session_id));
    expect(body.tokens.output).to.equal(7);
    expect(body.cost_usd).to.be.closeTo(priceOf(body.tokens), 1e-9);
    expect(headers.get("x-turn-id")).to.equal(body.session_id);
    expect(headers.get("server-timing")).to.match(/^queue;dur=\d+, turn;dur=\d+$/);
  });

  it("adds up the messages of a turn with tool calls", async () => {
    const { body } = await gateway.request<TurnResponse>("/task", {
      body: { prompt: "[[bash echo one]] [[bash echo two]] [[words 3]]" },
    });
    expect(body).to.include({ success: true });
    expect(body.result).to.match(/word1 word2 word3$/);
    expect(gateway.model.dealt().filter(({ sessionId }) => sessionId === body.session_id)).to.have.length(3);
    expect(body.tokens).to.deep.equal(dealtTo(gateway, body.session_id));
    expect(body.cost_usd).to.be.closeTo(priceOf(body.tokens), 1e-9);
  });

  it("writes one line with the same figures into the key's log", async () => {
    const { body } = await gateway.request<TurnResponse>("/task", { body: { prompt: "one\nline" } });
    const line = await eventually("the turn's line", () =>
      auditLines(gateway, "admin").find((entry) => entry["session_id"] === body.session_id),
    );
    expect(line).to.deep.include({
      level: "INFO",
      key_id: "admin",
      claude_exit_code: 0,
      success: true,
      tokens: body.tokens,
      cost_usd: body.cost_usd,
      duration_ms: body.duration_ms,
      message: "task completed",
    });
  });

  it("works in the named folder, and lists denied calls", async () => {
    const workdir = join(gateway.dir, "project");
    mkdirSync(workdir);
    const { body } = await gateway.request<TurnResponse>("/task", {
      body: { prompt: `[[write ${workdir}/a.txt hello]]`, workdir },
    });
    expect(existsSync(join(workdir, "a.txt"))).to.equal(false);
    const [denied, ...more] = body.permission_denials ?? [];
    expect(more).to.deep.equal([]);
    expect(denied).to.deep.include({
      tool_name: "Write",
      tool_input: { file_path: `${workdir}/a.txt`, content: "hello" },
    });
    expect(body.success).to.equal(true);
  });
});

describe("POST /task with the bypass", () => {
  it("runs every call in the named folder", async () => {
    const gateway = await TestGateway.start({ env: { IS_SANDBOX: "1" } });
    try {
      const workdir = join(gateway.workdir, "project");
      mkdirSync(workdir, { recursive: true });
      const { body } = await gateway.request<TurnResponse>("/task", {
        body: { prompt: "[[bash pwd > where.txt]]", workdir: "project" },
      });
      expect(body).to.include({ success: true, error: null }).and.not.have.property("permission_denials");
      expect(readFileSync(join(workdir, "where.txt"), "utf8")).to.equal(`${workdir}\n`);
      expect(gateway.stdout).to.include("Permissions: bypassed. Every tool call runs without asking");
    } finally {
      await gateway.dispose();
    }
  });
});

describe("POST /task/stream", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start({ args, config: "[engine]\nspares = 0\n" });
  });
  after(() => gateway.dispose());

  it("streams the text so far, then the whole answer", async () => {
    const events = await gateway.events("/task/stream", { body: { prompt: "[[slow 20]] [[words 20]]" } });
    const texts = events.filter(({ event }) => event === "text").map(({ data }) => data);
    const done = events.at(-1);
    expect(done?.event).to.equal("done");
    expect(texts.length).to.be.greaterThan(1);
    for (const [index, text] of texts.entries())
      expect(texts[index + 1] ?? text).to.satisfy((next: string) => next.startsWith(text));
    const answer: TurnResponse = JSON.parse(done?.data ?? "{}");
    expect(answer.result).to.equal(texts.at(-1));
    expect(answer.tokens).to.deep.equal(dealtTo(gateway, answer.session_id));
    expect(answer.cost_usd).to.be.closeTo(priceOf(answer.tokens), 1e-9);
  });

  it("with delta, the pieces make up the result", async () => {
    const events = await gateway.events("/task/stream", {
      body: { prompt: "[[slow 20]] [[words 20]]", stream: "delta" },
    });
    const pieces = events.filter(({ event }) => event === "text").map(({ data }) => data);
    const answer: TurnResponse = JSON.parse(events.at(-1)?.data ?? "{}");
    expect(pieces.length).to.be.greaterThan(1);
    expect(pieces.join("")).to.equal(answer.result);
    const ids = events.map(({ id }) => Number(id));
    expect(ids).to.deep.equal([...new Set(ids)].sort((a, b) => a - b));
  });

  it("keeps line breaks, and encodes them by the standard", async () => {
    const response = await gateway.fetch("/task/stream", {
      body: { prompt: "[[say one\ntwo\n\nthree]]" },
    });
    expect(response.headers.get("content-type")).to.equal("text/event-stream; charset=utf-8");
    expect(response.headers.get("x-accel-buffering")).to.equal("no");
    expect(response.headers.get("cache-control")).to.equal("no-cache, no-transform");
    expect(await response.text()).to.include("event: text\ndata: one\ndata: two\ndata: \ndata: three\n\n");
  });

  it("reports denied calls before done", async () => {
    const events = await gateway.events("/task/stream", { body: { prompt: "[[write /tmp/no/a.txt x]]" } });
    expect(events.slice(-2).map(({ event }) => event)).to.deep.equal(["permission_denied", "done"]);
    const answer: TurnResponse = JSON.parse(events.at(-1)?.data ?? "{}");
    expect(JSON.parse(events.at(-2)?.data ?? "[]")).to.deep.equal(answer.permission_denials);
  });

  it("leaves no process behind", async () => {
    await eventually("the children gone", async () => (await gateway.children()).length === 0);
  });
});
