import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type EngineTurn, FencedError, type Ledger, type Transcripts } from "@claudeway/ports";
import type { ContentBlock } from "@claudeway/schemas";
import { expect } from "chai";
import { Transcript } from "#engine-claude/transcript.js";
import { bash } from "../e2e/conversation.js";
import { eventually } from "../e2e/poll.js";
import { type Home, TwoHomes } from "./two-homes.js";

const LOST = "CONVERSATION_LOST";

/** A store that fails as long as it is told to. */
class FailingStore {
  failing = false;
  slowMs = 0;
  readonly transcripts: Transcripts;

  constructor({ transcripts }: Ledger) {
    this.transcripts = {
      session: (id) => transcripts.session(id),
      find: (conversation) => transcripts.find(conversation),
      read: (conversation, after) => transcripts.read(conversation, after),
      append: async (claim, part, after) => {
        if (this.failing) throw new Error("the store is away");
        await sleep(this.slowMs);
        return transcripts.append(claim, part, after);
      },
      setLacking: (claim, isLacking) => transcripts.setLacking(claim, isLacking),
    };
  }
}

const WEATHER = { description: "The weather.", input_schema: { type: "object" } };
const WEATHER_CALL = `[[${JSON.stringify({ tool: "mcp__client__weather", input: {} })}]]`;

function withTools(turn: EngineTurn | undefined, content?: readonly ContentBlock[]): EngineTurn {
  if (turn === undefined) throw new Error("the home has no stage");
  const options = { clientTools: { weather: WEATHER } };
  return { ...turn, plan: { ...turn.plan, options, ...(content !== undefined && { content }) } };
}

describe("a conversation that can't be stored, or was stored elsewhere", () => {
  let homes: TwoHomes;
  let store: FailingStore;
  let session: string;
  let a: Home;
  let b: Home;
  beforeEach(async () => {
    homes = await TwoHomes.open();
    store = new FailingStore(homes.ledger);
    session = await homes.session();
    a = await homes.home("a", { transcripts: store.transcripts });
    b = await homes.home("b");
  });
  afterEach(() => homes.close());

  const fileOf = ({ env, workdir }: Home) => new Transcript(session, { cwd: workdir, env }).path;
  const recall = (home: Home, totals: object) =>
    home.engine.run("[[recall]]", { session, resume: true, ...totals });

  it("is stored from the file when the store is back, with the next answer", async () => {
    await a.claim(session);
    store.failing = true;
    const first = await a.engine.run("one [[words 3]]", { session });
    expect(first.result).to.include({ end: "completed", text: "word1 word2 word3" });
    expect((await homes.ledger.transcripts.session(session))?.lackingSince).to.be.a("number");
    expect(a.stage?.warnings.join()).to.contain("could not be stored");
    expect(await a.stage?.engine.saved(session)).to.equal(false);
    store.failing = false;
    const second = await a.engine.run("two", { session, resume: true, totals: first.totals.at(-1) });
    expect((await homes.ledger.transcripts.session(session))?.lackingSince).to.equal(undefined);
    expect(await a.stage?.engine.saved(session)).to.equal(true);
    await a.handOver(session);
    await b.claim(session);
    const asked = await recall(b, { totals: second.totals.at(-1) });
    expect(asked.result.text).to.equal('I remember 2 earlier prompts: ["one [[words 3]]","two"]');
  });

  it("is stored before the turn is answered, and so is what a killed CLI had said", async () => {
    await a.claim(session);
    store.slowMs = 300;
    const first = await a.engine.run("one [[words 3]]", { session });
    const linesOf = async () =>
      (await homes.ledger.transcripts.read(session, 0)).flatMap(({ lines }) => lines).join("\n");
    expect(await linesOf()).to.contain('"text":"word1 word2 word3"');
    store.slowMs = 0;
    const told = { session, resume: true, totals: first.totals.at(-1) };
    const running = a.engine.run(`two ${bash("touch began && node -e 'setTimeout(()=>{},60000)'")}`, told);
    await eventually("the tool's begin", () => existsSync(join(a.workdir, "began")));
    // The CLI writes up to 100 ms later what it has said.
    await eventually("the call in its file", () =>
      readFileSync(fileOf(a), "utf8").includes('"type":"tool_use"'),
    );
    process.kill(a.stage?.pid ?? Number.NaN, "SIGKILL");
    expect((await running).result.end).to.equal("failed");
    expect(await linesOf())
      .to.match(/"type":"user"[^\n]*two \[\[/)
      .and.to.contain('"type":"tool_use"');
  });

  it("is stored once `saved` is asked, after the process has ended", async () => {
    await a.claim(session);
    const first = await a.engine.run("one", { session });
    store.failing = true;
    const second = await a.engine.run("two", { session, resume: true, totals: first.totals.at(-1) });
    await a.engine.release(session);
    expect(await a.stage?.engine.saved(session)).to.equal(false);
    store.failing = false;
    expect(await a.stage?.engine.saved(session)).to.equal(true);
    await a.handOver(session);
    await b.claim(session);
    const asked = await recall(b, { totals: second.totals.at(-1) });
    expect(asked.result.text).to.contain('2 earlier prompts: ["one","two"]');
  });

  it("is not continued at another node unless the loss is accepted; the first node can", async () => {
    await a.claim(session);
    const first = await a.engine.run("one", { session });
    store.failing = true;
    const second = await a.engine.run("two", { session, resume: true, totals: first.totals.at(-1) });
    await a.handOver(session);
    await b.claim(session);
    const totals = second.totals.at(-1);
    const refused = await recall(b, { totals });
    expect(refused.result).to.include({ end: "failed" }).and.to.have.nested.property("failure.code", LOST);
    expect(refused.result.error).to.contain("only on the node that had the session last");
    await b.handOver(session);
    store.failing = false;
    await a.claim(session);
    const asked = await recall(a, { totals });
    expect(asked.result.text).to.contain('2 earlier prompts: ["one","two"]');
    expect((await homes.ledger.transcripts.session(session))?.lackingSince).to.equal(undefined);
  });

  it("goes on without its end where that is accepted, and the lost end is kept in a file", async () => {
    await a.claim(session);
    const first = await a.engine.run("one", { session });
    store.failing = true;
    const second = await a.engine.run("two", { session, resume: true, totals: first.totals.at(-1) });
    await a.handOver(session);
    await b.claim(session);
    const accepted = await recall(b, { totals: second.totals.at(-1), restart: true });
    expect(accepted.result.text).to.contain('1 earlier prompt: ["one"]');
    expect(b.stage?.warnings.join()).to.contain("goes on without the end of its conversation");
    await b.handOver(session);
    store.failing = false;
    await a.claim(session);
    const asked = await recall(a, { totals: accepted.totals.at(-1) });
    expect(asked.result.text).to.contain('2 earlier prompts: ["one","[[recall]]"]');
    expect(a.stage?.warnings.join()).to.contain("the file is kept");
    expect(readFileSync(fileOf(a).replace(".jsonl", ".stale"), "utf8")).to.contain('"two"');
  });

  it("replaces a file that is older, newer than its note, or without one", async () => {
    await a.claim(session);
    const first = await a.engine.run("one", { session });
    await a.handOver(session);
    copyFileSync(fileOf(a), join(homes.dir, "old"));
    await b.claim(session);
    const second = await recall(b, { totals: first.totals.at(-1) });
    await b.handOver(session);
    for (const spoil of [
      () => undefined,
      () => copyFileSync(join(homes.dir, "old"), fileOf(a)),
      () => writeFileSync(fileOf(a).replace(".jsonl", ".stored.json"), '{"epoch":0'),
    ]) {
      spoil();
      await a.claim(session);
      const asked = await recall(a, { totals: second.totals.at(-1) });
      expect(asked.result.text).to.contain('"one"').and.to.contain('"[[recall]]"');
      await a.handOver(session);
      await b.claim(session);
      await b.handOver(session);
    }
  });

  it("is read, forked and outlined at a node that has just taken it over", async () => {
    await a.claim(session);
    await a.engine.run("one [[words 3]]", { session });
    await a.handOver(session);
    await b.claim(session);
    const { conversations } = b.stage?.engine ?? {};
    const ref = { session, spawn: { cwd: b.workdir, env: b.env } };
    const page = await conversations?.read(ref, { page: 1, limit: 10 });
    expect(page).to.have.property("total", 1);
    expect(await conversations?.outline(ref)).to.have.length(1);
    const fork = await conversations?.fork(ref, { promptId: undefined, cwdOf: () => b.workdir });
    if (typeof fork !== "object") throw new Error(`no fork: ${fork}`);
    await homes.ledger.sessions.create({
      id: fork.session,
      keyId: "ci",
      kind: "session",
      model: "sonnet",
      systemPrompt: undefined,
      workdir: b.workdir,
      ownsWorkdir: false,
      createdAt: new Date().toISOString(),
    });
    await conversations?.save(fork);
    await a.claim(fork.session);
    const told = { session: fork.session, resume: true, totals: { answered: true, bases: [{}] } };
    expect((await a.engine.run("[[recall]]", told)).result.text).to.contain('["one [[words 3]]"]');
  });

  it("goes on with the results of a client's tools, which the gateway wrote itself", async () => {
    await a.claim(session);
    const first = await a.stage?.run(withTools(a.stage.turn(`one ${WEATHER_CALL}`, { session })));
    const id = first?.result.calls?.[0]?.id ?? "";
    await a.handOver(session);
    await b.claim(session);
    const content = [{ type: "tool_result", tool_use_id: id, content: "sunny" } as const];
    const told = { session, resume: true, totals: first?.totals.at(-1) };
    const answered = withTools(b.stage?.turn("", told), content);
    const second = await b.stage?.run(answered);
    expect(second?.result).to.include({ end: "completed", error: null });
    await b.handOver(session);
    await a.claim(session);
    const asked = await recall(a, { totals: second?.totals.at(-1) });
    expect(asked.result.text).to.contain("1 earlier prompt");
    expect(readFileSync(fileOf(a), "utf8")).to.contain(`"tool_use_id":"${id}","content":"sunny"`);
  });

  it("is stored of a task only if it waits, with what its process saved when it ended", async () => {
    const done = await homes.session();
    await a.claim(done);
    await a.engine.run("one", { session: done, kind: "task" });
    expect(await homes.ledger.transcripts.find(done)).to.equal(undefined);
    await a.claim(session);
    const call = `one ${bash("echo ran > task-ran")} [[words 3]]`;
    const parked = await a.engine.run(call, { session, kind: "task", answer: "defer" });
    expect(parked.result.end).to.equal("parked");
    const parts = await homes.ledger.transcripts.read(session, 0);
    expect(parts.flatMap(({ lines }) => lines).join("\n")).to.contain('{"type":"cost-state"');
    await a.handOver(session);
    await b.claim(session);
    const { deferred: parkedCall } = parked.result;
    const told = { session, kind: "task", resume: true, totals: parked.totals.at(-1), parkedCall } as const;
    const resumed = await b.engine.run("", { ...told, answer: "allow" });
    expect(resumed.result).to.include({ end: "completed", text: "word1 word2 word3" });
    expect(existsSync(join(b.workdir, "task-ran"))).to.equal(true);
  });

  it("is asked of the CLI only where other nodes go on with it", async () => {
    const alone = await homes.home("alone", { alone: true });
    for (const home of [a, alone]) {
      const own = await homes.session();
      await home.claim(own);
      await home.engine.run("one", { session: own });
      const asked = readFileSync(`/proc/${home.stage?.pid}/cmdline`, "utf8").includes("--session-mirror");
      expect(asked).to.equal(home === a);
    }
  });

  it("ends the process of a session that another node has, and stores nothing more of it", async () => {
    await a.claim(session);
    const first = await a.engine.run("one", { session });
    await a.bury();
    const at = (await homes.ledger.transcripts.find(session))?.seq;
    const late = a.engine.run(`two ${bash("echo late")}`, {
      session,
      resume: true,
      totals: first.totals.at(-1),
    });
    expect((await late).result.end).to.equal("failed");
    await eventually("the end of its process", () => a.stage?.engine.processes === 0);
    expect((await homes.ledger.transcripts.find(session))?.seq).to.equal(at);
    await b.claim(session);
    expect((await recall(b, { totals: first.totals.at(-1) })).result.text).to.contain(
      '1 earlier prompt: ["one"]',
    );
  });

  it("ends an idle process when its claim is lost", async () => {
    await a.claim(session);
    await a.engine.run("one", { session });
    expect(a.stage?.engine.processes).to.equal(1);
    a.lose(session);
    await eventually("the end of its process", () => a.stage?.engine.processes === 0);
  });

  it("is laid out completely or not at all", async () => {
    await a.claim(session);
    const first = await a.engine.run("one", { session });
    await a.handOver(session);
    await b.claim(session);
    store.failing = false;
    let pages = 0;
    const { transcripts } = homes.ledger;
    const breaking: Transcripts = {
      ...store.transcripts,
      read: (conversation, after) => {
        if (pages++ > 0) return Promise.reject(new FencedError(session));
        return transcripts.read(conversation, after);
      },
    };
    const c = await homes.home("c", { transcripts: breaking });
    const told = { session, resume: true, totals: first.totals.at(-1) };
    const failure = await c.engine.run("[[recall]]", told).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(FencedError);
    const projects = join(c.env["CLAUDE_CONFIG_DIR"] ?? "", "projects");
    const left = existsSync(projects) ? readdirSync(projects, { recursive: true }).map(String) : [];
    expect(left.filter((name) => name.includes(session))).to.deep.equal([]);
  });
});
