import { join } from "node:path";
import { expect } from "chai";
import { readEvents } from "#testing/event-parser.js";
import {
  asking,
  BYPASS,
  decide,
  newSession,
  park,
  prompt,
  read,
  resultsOf,
  SLOW_STDIN,
  startAsking,
  type TestSession,
  turnIn,
} from "./approval-kit.js";
import { KEYS, type TestGateway } from "./gateway.js";
import { eventually, limitSecs } from "./poll.js";
import { readProcess } from "./processes.js";

describe("approvals, parked", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await startAsking({ live_wait_secs: 0.2 });
  });
  after(() => gateway.dispose());

  /** Kills the gateway as a power cut would, and starts it again on the same folder. */
  async function killAndRestart(): Promise<void> {
    await gateway.stop("SIGKILL");
    await gateway.launch();
  }

  /** The CLI has the session's id in its arguments. */
  async function processesOf({ id }: TestSession): Promise<number[]> {
    return (await gateway.children()).filter((pid) => readProcess(pid, "cmdline").includes(id));
  }

  for (const restart of [false, true]) {
    const when = restart ? "after kill -9 and a restart" : "in the same gateway";

    describe(when, () => {
      it("parks: answers, ends the process, and records the cost so far", async () => {
        const session = await newSession(gateway);
        const { answer, approval, turnId } = await park(gateway, session, "[[say first]] [[write a.txt A]]");
        expect(answer).to.include({ success: false });
        expect(answer.permission_denials?.map(({ tool_use_id }) => tool_use_id)).to.deep.equal([
          approval.tool_use_id,
        ]);
        expect(approval).to.include({ parked: true, status: "pending", tool: "Write" });
        await eventually("the process gone", async () => (await processesOf(session)).length === 0);
        const parked = await turnIn(gateway, turnId, "parked");
        expect(parked.result?.pending_approval?.id).to.equal(approval.id);
        const before = (await gateway.request(`/session/${session.id}`)).body;
        expect(before["tokens"]).to.deep.equal(answer.tokens);
        expect(before["cost_usd"]).to.equal(answer.cost_usd);
        expect(answer.cost_usd).to.be.greaterThan(0);

        if (restart) await killAndRestart();
        expect((await turnIn(gateway, turnId, "parked")).result?.pending_approval?.id).to.equal(approval.id);
        expect(read(session, "a.txt")).to.equal(undefined);
        const decided = await decide(gateway, approval.id, { decision: "allow" });
        expect(decided.body).to.include({ status: "allowed", tool_use_id: approval.tool_use_id });
        const { result } = await turnIn(gateway, turnId, "completed");
        expect(result).to.include({ success: true, error: null });
        expect(read(session, "a.txt")).to.equal("A");
        expect(resultsOf(gateway, session, approval.tool_use_id), "run once").to.have.length(1);

        // Both parts are recorded once, as one request.
        const after = (await gateway.request(`/session/${session.id}`)).body;
        expect(after["task_count"]).to.equal(1);
        expect(after["tokens"]).to.deep.equal(result?.tokens);
        expect(after["cost_usd"]).to.equal(result?.cost_usd);
        expect(result?.cost_usd).to.be.greaterThan(answer.cost_usd ?? 0);
        const dealt = gateway.model.dealt().filter(({ sessionId }) => sessionId === session.id);
        expect(dealt.reduce((sum, { dealt: { output_tokens } }) => sum + output_tokens, 0)).to.equal(
          result?.tokens.output,
        );
        expect(dealt.reduce((sum, { dealt: { input_tokens } }) => sum + input_tokens, 0)).to.equal(
          result?.tokens.input,
        );
      });

      it("deny: the model reads the message, and nothing is written", async () => {
        const session = await newSession(gateway);
        const { approval, turnId } = await park(gateway, session, "[[write a.txt A]]");
        if (restart) await killAndRestart();
        await decide(gateway, approval.id, { decision: "deny", message: "not on a Friday" });
        const { result } = await turnIn(gateway, turnId, "completed");
        expect(result?.result).to.include("not on a Friday");
        expect(read(session, "a.txt")).to.equal(undefined);
      });

      it("changed input, and a grant for the session", async () => {
        const session = await newSession(gateway);
        const { approval, turnId } = await park(gateway, session, "[[write a.txt A]] [[write b.txt B]]");
        if (restart) await killAndRestart();
        const changed = { ...approval.input, content: "changed" };
        await decide(gateway, approval.id, { decision: "allow", updated_input: changed, scope: "session" });
        // Another node resumes the turn a moment after its decision.
        const second = await eventually("the second request", async () => {
          const { result } = await turnIn(gateway, turnId, "parked");
          const next = result?.pending_approval;
          return next?.id !== approval.id && next;
        });
        expect(read(session, "a.txt")).to.equal("changed");
        expect(second.input["content"]).to.equal("B");
        expect(second.turn_id).to.equal(turnId);
        await decide(gateway, second.id, { decision: "allow" });
        const { result } = await turnIn(gateway, turnId, "completed");
        expect(result?.success).to.equal(true);
        expect(read(session, "b.txt")).to.equal("B");
        const { body } = await gateway.request(`/approvals/grants?session_id=${session.id}`);
        expect(body["total"]).to.equal(1);
      });

      it("an answered question", async () => {
        const session = await newSession(gateway);
        const { approval, turnId } = await park(gateway, session, "[[ask Which way?|left|right]]");
        if (restart) await killAndRestart();
        const updated_input = { answers: { "Which way?": "left" } };
        const decided = await decide(gateway, approval.id, { decision: "allow", updated_input });
        expect(decided.status).to.equal(200);
        const { result } = await turnIn(gateway, turnId, "completed");
        expect(result?.result).to.include('"Which way?"="left"');
      });

      it("the session deleted meanwhile: withdrawn, nothing runs, the cost stays recorded", async () => {
        const session = await newSession(gateway);
        const { answer, approval, turnId } = await park(gateway, session, "[[write a.txt A]]");
        if (restart) await killAndRestart();
        await gateway.request(`/session/${session.id}`, { method: "DELETE" });
        const { body } = await gateway.request(`/approvals/${approval.id}`);
        expect(body).to.include({ status: "withdrawn" });
        const { result } = await turnIn(gateway, turnId, "interrupted");
        expect(result).to.include({ success: false, cost_usd: answer.cost_usd });
        expect((await decide(gateway, approval.id, { decision: "allow" })).status).to.equal(409);
        expect(read(session, "a.txt")).to.equal(undefined);
      });
    });
  }

  it("a task parks and resumes too, by POST /session/:id/approve", async () => {
    const workdir = join(gateway.workdir, "of-a-task");
    const parked = await gateway.request<{ session_id: string; pending_approval?: { tool_use_id: string } }>(
      "/task",
      {
        body: { prompt: "[[write task.txt T]]", workdir },
      },
    );
    const id = parked.body.session_id;
    const tool_use_ids = [parked.body.pending_approval?.tool_use_id];
    const done = await gateway.request(`/session/${id}/approve`, { body: { tool_use_ids } });
    expect(done.headers.get("x-turn-id")).to.equal(id);
    expect(done.body).to.include({ success: true });
    expect(read({ id, workdir }, "task.txt")).to.equal("T");
  });

  it("while it is parked, new prompts are refused with the request's id, or withdraw it", async () => {
    const session = await newSession(gateway);
    const { approval, turnId } = await park(gateway, session, "[[write a.txt A]]");
    const refused = await prompt(gateway, session, "[[say next]]");
    expect(refused.status).to.equal(409);
    expect(refused.body).to.include({ code: "CONFLICT", approval_id: approval.id });
    const requestsBefore = gateway.model.requests().length;
    const taken = await prompt(gateway, session, "[[recall]]", { withdraw_pending: true });
    expect(taken.body.result).to.equal('I remember 1 earlier prompt: ["[[write a.txt A]]"]');
    expect(gateway.model.requests().length - requestsBefore, "the withdrawn call costs nothing").to.equal(1);
    expect((await gateway.request(`/approvals/${approval.id}`)).body).to.include({ status: "withdrawn" });
    await turnIn(gateway, turnId, "interrupted");
    const third = await prompt(gateway, session, "[[say third]]");
    expect(third.body.result).to.equal("third");
    expect(read(session, "a.txt")).to.equal(undefined);
  });

  it("an interrupt ends it", async () => {
    const session = await newSession(gateway);
    const { turnId } = await park(gateway, session, "[[write a.txt A]]");
    const { body } = await gateway.request(`/session/${session.id}/interrupt`, { body: {} });
    expect(body).to.include({ interrupted: true });
    await turnIn(gateway, turnId, "interrupted");
    expect((await prompt(gateway, session, "[[say on]]")).body.result).to.equal("on");
    expect(read(session, "a.txt")).to.equal(undefined);
  });

  it("who follows its session hears that it is withdrawn, and of its end", async () => {
    const session = await newSession(gateway);
    const { turnId, approval } = await park(gateway, session, "[[write a.txt A]]");
    const stream = await gateway.fetch(`/session/${session.id}/events`);
    await gateway.request(`/session/${session.id}/interrupt`, { body: {} });
    // The end of the session is that of its events.
    await gateway.request(`/session/${session.id}`, { method: "DELETE" });
    const events = [];
    for await (const { event, data } of readEvents(stream)) events.push({ event, ...JSON.parse(data) });
    expect(events).to.have.length(2);
    expect(events[0]).to.include({ event: "permission_resolved", id: approval.id, status: "withdrawn" });
    expect(events[1]).to.include({ event: "done", turn_id: turnId, origin: "prompt" });
    expect(events[1].response).to.include({ success: false });
    expect(events[1].response).to.not.have.property("pending_approval");
  });

  it("a withdrawn call does not run in a later gateway without the plugin, with the bypass on", async () => {
    const session = await newSession(gateway);
    await park(gateway, session, "[[write a.txt A]]");
    await gateway.request(`/session/${session.id}/interrupt`, { body: {} });
    await gateway.stop();
    await gateway.launch(BYPASS);
    const { body } = await prompt(gateway, session, "[[write b.txt B]]");
    expect(body.success).to.equal(true);
    expect([read(session, "a.txt"), read(session, "b.txt")]).to.deep.equal([undefined, "B"]);
    await gateway.stop();
    await gateway.launch(asking({ live_wait_secs: 0.2 }));
  });

  it("expires by the timer or at the start, and the turn resumes with a denial", async () => {
    await gateway.stop();
    const expires_secs = limitSecs(6);
    await gateway.launch(asking({ live_wait_secs: 0.2, expires_secs }));
    const [one, two] = [await newSession(gateway), await newSession(gateway)];
    const first = await park(gateway, one, "[[write a.txt A]]");
    const { result } = await turnIn(gateway, first.turnId, "completed");
    expect(result?.result).to.include("expired without a decision");
    expect((await gateway.request(`/approvals/${first.approval.id}`)).body).to.include({ status: "expired" });
    const second = await park(gateway, two, "[[write a.txt A]]");
    await gateway.stop("SIGKILL");
    await new Promise((resolve) => setTimeout(resolve, expires_secs * 1000 + 500));
    await gateway.launch(asking({ live_wait_secs: 0.2 }));
    expect((await turnIn(gateway, second.turnId, "completed")).result?.result).to.include(
      "expired without a decision",
    );
    expect([read(one, "a.txt"), read(two, "a.txt")]).to.deep.equal([undefined, undefined]);
  });

  it("a call that was decided before a kill -9 but did not run is run by the next gateway, once", async () => {
    const session = await newSession(gateway);
    const { approval, turnId } = await park(gateway, session, "[[write a.txt A]]");
    // A CLI that hears late has not asked again by the time of the kill, however busy the machine is.
    const asks = asking({ live_wait_secs: 0.2 });
    await gateway.stop();
    await gateway.launch({ ...asks, args: [...asks.args, "--enable-plugin", SLOW_STDIN] });
    await decide(gateway, approval.id, { decision: "allow" });
    await gateway.stop("SIGKILL");
    await gateway.launch(asks);
    const { result } = await turnIn(gateway, turnId, "completed");
    expect(result?.success).to.equal(true);
    expect(read(session, "a.txt")).to.equal("A");
    expect(resultsOf(gateway, session, approval.tool_use_id)).to.have.length(1);
  });

  it("a closing gateway parks live requests, and the next one resumes them", async () => {
    await gateway.stop();
    await gateway.launch(asking({ live_wait_secs: 600 }));
    const session = await newSession(gateway);
    const answer = prompt(gateway, session, "[[write a.txt A]]");
    await eventually("a request", async () => {
      const { body } = await gateway.request("/approvals?status=pending");
      return body["total"] === 1;
    });
    await gateway.stop();
    const { pending_approval: approval } = (await answer).body;
    expect(approval).to.include({ parked: true });
    await gateway.launch(asking({ live_wait_secs: 0.2 }));
    await decide(gateway, approval?.id ?? "", { decision: "allow" });
    await turnIn(gateway, approval?.turn_id ?? "", "completed");
    expect(read(session, "a.txt")).to.equal("A");
  });

  it("without the plugin a parked call still waits for its decision, and everything else is denied", async () => {
    const session = await newSession(gateway);
    const { approval, turnId } = await park(gateway, session, "[[write a.txt A]] [[write b.txt B]]");
    await gateway.stop();
    await gateway.launch(BYPASS);
    await decide(gateway, approval.id, { decision: "allow" });
    await turnIn(gateway, turnId, "completed");
    expect([read(session, "a.txt"), read(session, "b.txt")]).to.deep.equal(["A", undefined]);
    await gateway.stop();
    await gateway.launch(asking({ live_wait_secs: 0.2 }));
  });

  it("a CLI waits for a late decider: nothing runs by its own rules meanwhile", async () => {
    const [withdrawn, denied] = [await newSession(gateway), await newSession(gateway)];
    await park(gateway, withdrawn, "[[write a.txt A]]");
    await gateway.request(`/session/${withdrawn.id}/interrupt`, { body: {} });
    const { approval, turnId } = await park(gateway, denied, "[[read a.txt]]");
    await gateway.stop();
    await gateway.launch({ ...BYPASS, args: ["--enable-plugin", SLOW_STDIN] });
    expect((await prompt(gateway, withdrawn, "[[say on]]")).body.result).to.equal("on");
    expect(read(withdrawn, "a.txt")).to.equal(undefined);
    await decide(gateway, approval.id, { decision: "deny", message: "not this one" });
    expect((await turnIn(gateway, turnId, "completed")).result?.result).to.include("not this one");
    await gateway.stop();
    await gateway.launch(asking({ live_wait_secs: 0.2 }));
  });

  it("bob's parked turn is bob's", async () => {
    const session = await newSession(gateway, KEYS.bob);
    const { body } = await prompt(gateway, session, "[[write a.txt A]]", {}, KEYS.bob);
    const id = body.pending_approval?.turn_id ?? "";
    expect((await gateway.request(`/turns/${id}`)).status).to.equal(404);
    const bobs = await gateway.request(`/turns/${id}`, { key: KEYS.bob });
    expect(bobs.body).to.include({ state: "parked" });
    await gateway.request(`/session/${session.id}/interrupt`, { body: {}, key: KEYS.bob });
  });
});
