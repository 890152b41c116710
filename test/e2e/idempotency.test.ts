import type { SessionStarted, TurnResponse } from "@claudeway/schemas";
import { expect } from "chai";
import { readTurnLines } from "./audit-lines.js";
import { sumOfDealt } from "./dealt.js";
import { type Answer, TestGateway } from "./gateway.js";
import { LedgerFile } from "./ledger-file.js";
import { eventually } from "./poll.js";

describe("a repeated request with an Idempotency-Key", () => {
  let gateway: TestGateway;
  let ledger: LedgerFile;
  before(async () => {
    gateway = await TestGateway.start({ config: "[engine]\nspares = 0\n" });
    ledger = new LedgerFile(gateway.dataDir);
  });
  after(() => gateway.dispose());

  function ask(path: string, prompt: string, key: string): Promise<Answer<TurnResponse>> {
    return gateway.request(path, { body: { prompt }, headers: { "idempotency-key": key } });
  }

  async function startSession(): Promise<string> {
    return (await gateway.request<SessionStarted>("/session/start", { body: {} })).body.session_id;
  }

  /** How often the model was asked this. */
  function asked(prompt: string): number {
    return gateway.model.requests().filter((request) => request.prompt.includes(prompt)).length;
  }

  async function killAndStart(): Promise<void> {
    await gateway.stop("SIGKILL");
    await gateway.launch();
  }

  it("is the same across a kill -9, twice at once and one after the other, and costs once", async () => {
    const session = await startSession();
    const path = `/session/${session}`;
    const answers = await Promise.all([1, 2].map(() => ask(path, "[[say only once]]", "k1")));
    await killAndStart();
    answers.push(await ask(path, "[[say only once]]", "k1"), await ask(path, "[[say only once]]", "k1"));
    const [first] = answers;
    expect(first?.body).to.include({ success: true, result: "only once" });
    for (const { body, headers } of answers) {
      expect(body).to.deep.equal(first?.body);
      expect(headers.get("x-turn-id")).to.equal(first?.headers.get("x-turn-id"));
    }
    expect(asked("only once")).to.equal(1);
    expect(await ledger.turns(session)).to.have.length(1);
    const { body } = await gateway.request(path);
    expect(body).to.deep.include({
      task_count: 1,
      cost_usd: first?.body.cost_usd,
      tokens: first?.body.tokens,
    });
    const dealt = gateway.model.dealt().filter(({ sessionId }) => sessionId === session);
    expect(first?.body.tokens).to.deep.equal(sumOfDealt(dealt));
    const conflict = await ask(path, "[[say something else]]", "k1");
    expect(conflict.status).to.equal(409);
  });

  it("returns a turn that was lost in a kill, without running or billing it again", async () => {
    const session = await startSession();
    const path = `/session/${session}`;
    const prompt = "[[words 5]] [[hang]]";
    const cut = ask(path, prompt, "k2").catch(() => undefined);
    const turn = await eventually("the turn's tokens in the ledger", async () => {
      const [filed] = await ledger.turns(session);
      return filed !== undefined && filed.tokens.input > 0 && filed;
    });
    await killAndStart();
    await cut;
    const again = [await ask(path, prompt, "k2"), await ask(path, prompt, "k2")];
    for (const { status, headers, body } of again) {
      expect([status, headers.get("x-turn-id"), body.success]).to.deep.equal([200, turn.id, false]);
      expect(body).to.deep.include({ tokens: turn.tokens, cost_estimated: true });
    }
    expect(asked("[[hang]]")).to.equal(1);
    expect(await ledger.turns(session)).to.have.length(1);
    expect((await gateway.request(path)).body).to.deep.include({ task_count: 1, tokens: turn.tokens });
    const lines = readTurnLines(gateway.logDir, "admin").filter(({ turn_id }) => turn_id === turn.id);
    expect(lines).to.have.length(1);
    expect((await gateway.request(`/turns/${turn.id}`)).body).to.include({ state: "lost" });
  });

  it("resumes as a stream, also after a kill", async () => {
    const headers = { "idempotency-key": "k3" };
    const body = { prompt: "[[words 30]]", stream: "delta" };
    const events = await gateway.events("/task/stream", { body, headers });
    await killAndStart();
    const again = await gateway.events("/task/stream", { body, headers });
    expect(again.at(-1)?.data).to.equal(events.at(-1)?.data);
    expect(again.map(({ event }) => event)).to.deep.equal(["text", "done"]);
    const { session_id: turn } = JSON.parse(events.at(-1)?.data ?? "");
    const later = await gateway.events(`/turns/${turn}/events?stream=delta`, {
      headers: { "last-event-id": events.at(-2)?.id ?? "" },
    });
    expect(later.map(({ event, data }) => [event, data])).to.deep.equal([["done", events.at(-1)?.data]]);
    expect(asked("[[words 30]]")).to.equal(1);
  });
});
