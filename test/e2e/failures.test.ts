import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { NOT_LOGGED_IN } from "#core/login-watch.js";
import { findClaude } from "#engine-claude/executable.js";
import type { TurnResponse } from "#schemas/index.js";
import { readEvents } from "#testing/event-parser.js";
import { auditLines } from "./audit.js";
import { Conversation } from "./conversation.js";
import { TestGateway } from "./gateway.js";
import { eventually, limitSecs } from "./poll.js";
import { childrenGone, LONG_CALL, longCallRunning } from "./processes.js";
import { SANDBOX_SWITCH } from "./sandboxed.js";

/** Then all that runs belongs to a turn. */
const NO_SPARES = "[engine]\nspares = 0\n";

/** All processes of a turn that was ended are gone by then, in ms; they would run for a minute. */
const GONE_WITHIN_MS = Math.min(limitSecs(6), 30) * 1000;

describe("turns that fail", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start({ env: { IS_SANDBOX: "1" }, config: NO_SPARES });
  });
  after(() => gateway.dispose());

  /** The log's line of the turn that was last to begin. */
  function lineOf(message: string): Promise<Readonly<Record<string, unknown>>> {
    return eventually(`a line: ${message}`, () =>
      auditLines(gateway, "admin").findLast((line) => line["message"] === message),
    );
  }

  it("a failing model: 200 with the CLI's own message", async () => {
    const prompt = "[[fail 400 the prompt is not to the model's taste]]";
    const { status, body } = await gateway.request<TurnResponse>("/task", { body: { prompt } });
    expect(status).to.equal(200);
    expect(body).to.include({ success: false, cost_usd: 0 });
    expect(body.code).to.equal("INVALID_REQUEST");
    expect(body.error).to.match(/^API Error: 400 .*the prompt is not to the model's taste/);
    expect(body.tokens).to.deep.equal({ input: 0, output: 0, cache_read: 0, cache_write: 0 });
    await childrenGone(gateway, GONE_WITHIN_MS);
  });

  it("a failing model in a stream: done has the same", async () => {
    const events = await gateway.events("/task/stream", { body: { prompt: "[[fail 400 no]]" } });
    expect(events.map(({ event }) => event)).to.deep.equal(["done"]);
    const answer: TurnResponse = JSON.parse(events[0]?.data ?? "{}");
    expect(answer).to.include({ success: false, result: "", code: "INVALID_REQUEST" });
    expect(answer.error).to.match(/^API Error: 400 /);
  });

  it("what a turn cost before the model failed is counted", async () => {
    const { body } = await gateway.request<TurnResponse>("/task", {
      body: { prompt: "[[bash echo one]] [[fail 400 no]]" },
    });
    expect(body).to.include({ success: false });
    expect(body.tokens.output).to.equal(20);
    expect(body.cost_usd).to.be.greaterThan(0);
  });

  it("a timeout: 408, the CLI and its tools end, the cost is recorded", async () => {
    const limit = limitSecs(15);
    const { status, body, headers } = await gateway.request("/task", {
      // A loaded machine needs some of it for the start of the process.
      body: { prompt: LONG_CALL, timeout_secs: limit },
    });
    expect(status).to.equal(408);
    expect(body).to.deep.equal({ error: "the turn ran past timeout_secs", code: "TIMEOUT" });
    await childrenGone(gateway, GONE_WITHIN_MS);
    const line = await lineOf("task timeout: the turn ran past timeout_secs");
    expect(line).to.include({ success: false, turn_id: headers.get("x-turn-id"), level: "WARN" });
    expect(line["cost_usd"]).to.be.greaterThan(0);
    expect(line["duration_ms"]).to.be.at.least(limit * 1000);
  });

  it("a timeout in a stream: done with the text so far and the code", async () => {
    const talk = await Conversation.start(gateway);
    expect((await talk.say("[[words 1]]")).body.success).to.equal(true);
    // On a live process, so that a loaded machine says the words in time too.
    const events = await gateway.events(`${talk.path}/stream`, {
      body: { prompt: "[[words 3]] [[hang]]", timeout_secs: limitSecs(5) },
    });
    const answer: TurnResponse = JSON.parse(events.at(-1)?.data ?? "{}");
    expect(events.at(-1)?.event).to.equal("done");
    expect(answer).to.include({
      success: false,
      code: "TIMEOUT",
      error: "the turn ran past timeout_secs",
      result: "word1 word2 word3",
    });
    await childrenGone(gateway, GONE_WITHIN_MS);
  });

  it("a client that disconnects: the CLI and its tools end, the turn is recorded", async () => {
    const leaving = new AbortController();
    const answer = gateway.fetch("/task", { body: { prompt: LONG_CALL }, signal: leaving.signal });
    answer.catch(() => undefined);
    await longCallRunning(gateway);
    leaving.abort();
    await childrenGone(gateway, GONE_WITHIN_MS);
    const line = await lineOf("task interrupted: the client disconnected");
    expect(line).to.include({ success: false });
    expect(line["cost_usd"]).to.be.greaterThan(0);
  });

  it("a client that leaves its stream: the same", async () => {
    const leaving = new AbortController();
    const response = await gateway.fetch("/task/stream", {
      body: { prompt: `[[words 3]] ${LONG_CALL}` },
      signal: leaving.signal,
    });
    // Leaving a loop over the events would hang up: the tool is to run before that.
    const events = readEvents(response);
    expect((await events.next()).value).to.include({ event: "text" });
    await longCallRunning(gateway);
    leaving.abort();
    await childrenGone(gateway, GONE_WITHIN_MS);
    const turn_id = response.headers.get("x-turn-id");
    await eventually("the turn's line", () =>
      auditLines(gateway, "admin").find(
        (line) =>
          line["turn_id"] === turn_id && line["message"] === "task interrupted: the client disconnected",
      ),
    );
  });

  it("the gateway logs no errors", () => {
    expect(gateway.stderr).to.not.match(/"level":"(error|fatal)"/);
  });
});

describe("a CLI that can't work", () => {
  // With a folder for each key, each key has a login of its own, and the gateway asks for none.
  const sharesLogin = process.env[SANDBOX_SWITCH] === "1" ? it.skip : it;
  sharesLogin(
    "no login: a warning at the start, 503 of /ready, 200 with the CLI's message in JSON and in a stream",
    async () => {
      const gateway = await TestGateway.start({ env: { ANTHROPIC_API_KEY: undefined }, config: NO_SPARES });
      const ready = () => gateway.request("/ready", { key: null });
      try {
        expect((await gateway.request("/health", { key: null })).status).to.equal(200);
        const unready = await eventually("503", async () => {
          const answer = await ready();
          return answer.status === 503 && answer;
        });
        expect(unready.headers.get("retry-after")).to.equal("30");
        expect(unready.body).to.deep.equal({
          error: NOT_LOGGED_IN,
          code: "UNAVAILABLE",
          reason: "not_logged_in",
        });
        await eventually("the warning", () => gateway.stdout.includes(`\n  Warning: ${NOT_LOGGED_IN}\n`));
        await gateway.logs(NOT_LOGGED_IN);
        expect(gateway.stderr).to.include(`"level":"warn"`);
        const { status, body } = await gateway.request("/task", { body: { prompt: "Hi" } });
        expect(status).to.equal(200);
        const told = {
          success: false,
          code: "AUTHENTICATION_FAILED",
          error:
            "Not logged in · Please run /login (the operator of the gateway must run `claudeway login`, or set ANTHROPIC_API_KEY)",
        };
        expect(body).to.include({ ...told, cost_usd: 0 });
        const events = await gateway.events("/task/stream", { body: { prompt: "Hi" } });
        expect(JSON.parse(events.at(-1)?.data ?? "{}")).to.include(told);
        expect(gateway.model.requests()).to.deep.equal([]);
        expect((await ready()).status).to.equal(503);
        for (const [enabled, status] of [
          [true, 200],
          [false, 503],
        ]) {
          gateway.reload(`${NO_SPARES}[plugins.demo]\nenabled = ${enabled}\n`);
          await eventually(`demo: ${enabled}`, async () => (await ready()).status === status);
        }
        // A login that comes while the gateway runs.
        const settings = { apiKeyHelper: "echo scripted" };
        writeFileSync(join(gateway.dir, "claude", "settings.json"), JSON.stringify(settings));
        expect((await gateway.request("/task", { body: { prompt: "Hi" } })).body).to.include({
          success: true,
        });
        expect((await ready()).body).to.deep.equal({ status: "ready" });
        await gateway.logs('"claude is logged in"');
      } finally {
        await gateway.dispose();
      }
    },
  );

  it("a binary that vanishes while the gateway runs: 200, and the next turn works when it is back", async () => {
    const dir = mkdtempSync(join(tmpdir(), "claudeway-cli-"));
    const path = join(dir, "claude");
    const install = () => symlinkSync(findClaude(undefined).path, path);
    install();
    const gateway = await TestGateway.start({ args: ["--claude-bin", path], config: NO_SPARES });
    try {
      rmSync(path);
      const gone = await gateway.request<TurnResponse>("/task", { body: { prompt: "Hi" } });
      expect(gone.status).to.equal(200);
      expect(gone.body).to.include({ success: false, result: "" });
      expect(gone.body.error).to.include(path);
      const models = await gateway.request<{ models: { id: string }[] }>("/models");
      expect(models.body.models.map(({ id }) => id)).to.deep.equal(["sonnet", "opus", "haiku"]);
      install();
      expect((await gateway.request("/task", { body: { prompt: "Hi" } })).body).to.include({ success: true });
    } finally {
      await gateway.dispose();
      rmSync(dir, { recursive: true });
    }
  });
});
