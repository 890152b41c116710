import type { Approval } from "@claudeway/schemas";
import { expect } from "chai";
import { asking, decide, newSession, onlyPending, prompt, read, startAsking } from "./approval-kit.js";
import { agent, endJobs, JOB, job } from "./background-kit.js";
import { bash } from "./conversation.js";
import { TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";

describe("approvals of background work", () => {
  let gateway: TestGateway;
  afterEach(() => gateway.dispose());

  /** Agents are launched, and jobs run, unasked. */
  const RULE = "^(Agent|Task)|setTimeout|setInterval";
  const slow = bash("node -e 'setTimeout(()=>{},1500)'");

  it("rules decide an asynchronous subagent's calls, the rest is asked, for the turn that launched it", async () => {
    gateway = await startAsking({ allow: RULE });
    const session = await newSession(gateway);
    const work = `${slow} [[write late.txt from-the-subagent]] [[say subdone]]`;
    const answer = await prompt(gateway, session, `${agent(work, true)} [[say launched]]`);
    expect(answer.body.result).to.equal("launched");
    const approval = await onlyPending(gateway, session);
    expect(approval.tool).to.equal("Write");
    expect(approval.turn_id, "the turn that launched it").to.equal(answer.headers.get("x-turn-id"));
    expect(read(session, "late.txt")).to.equal(undefined);
    // Another turn of the session is not affected.
    expect((await prompt(gateway, session, "[[say alpha]]")).body.result).to.equal("alpha");
    expect((await onlyPending(gateway, session)).id).to.equal(approval.id);
    expect((await decide(gateway, approval.id, { decision: "allow" })).status).to.equal(200);
    await eventually("the file", () => read(session, "late.txt") === "from-the-subagent");
  });

  it("keeps a call waiting that was asked about before the main turn ended", async () => {
    gateway = await startAsking();
    const session = await newSession(gateway);
    const work = `[[write late.txt from-the-subagent]] [[say subdone]]`;
    const running = prompt(gateway, session, `${agent(work, true)} [[slow 300]] [[words 8]]`);
    const approval = await onlyPending(gateway, session);
    expect((await running).body.result).to.contain("word8");
    expect((await onlyPending(gateway, session)).id).to.equal(approval.id);
    await decide(gateway, approval.id, { decision: "allow" });
    await eventually("the file", () => read(session, "late.txt") === "from-the-subagent");
  });

  it("holds such a call for the maximum time, and then denies it", async () => {
    gateway = await startAsking({ allow: RULE, max_hold_secs: 2 });
    const session = await newSession(gateway);
    const work = `[[write late.txt x]] [[say subdone]]`;
    const launched = prompt(gateway, session, `${agent(work, true)} [[say launched]]`);
    // It is pending for two seconds, which a busy machine may miss.
    const approval = await eventually("the call", async () => {
      const { body } = await gateway.request<{ approvals: Approval[] }>("/approvals?limit=1000");
      return body.approvals.find(({ session_id }) => session_id === session.id);
    });
    await launched;
    const state = await eventually("its end", async () => {
      const { body } = await gateway.request<{ status: string }>(`/approvals/${approval.id}`);
      return body.status === "pending" ? undefined : body.status;
    });
    expect(state).to.equal("expired");
    expect(read(session, "late.txt")).to.equal(undefined);
  });

  it("asks about the calls of a turn that the CLI began by itself, for that turn", async () => {
    gateway = await TestGateway.start(asking({ allow: RULE, live_wait_secs: 1, max_hold_secs: 600 }));
    const session = await newSession(gateway);
    const work = "[[noticed [[write late.txt noticed]] [[say built]]]]";
    const answer = await prompt(gateway, session, `${JOB} [[say started]] ${work}`);
    await endJobs(session);
    expect(answer.body.result).to.equal("started");
    const approval = await onlyPending(gateway, session);
    const { body } = await gateway.request<{ origin: string; state: string }>(`/turns/${approval.turn_id}`);
    expect([body.origin, body.state]).to.deep.equal(["background", "running"]);
    await decide(gateway, approval.id, { decision: "allow" });
    await eventually("the file", () => read(session, "late.txt") === "noticed");
  });

  it("leaves a prompt's calls to its turn after the CLI has reported a job that was lost", async () => {
    gateway = await startAsking({ allow: RULE });
    const session = await newSession(gateway);
    expect((await prompt(gateway, session, `${job(600_000)} [[say started]]`)).body.result).to.equal(
      "started",
    );
    await gateway.stop("SIGTERM");
    await gateway.launch();
    const answer = prompt(gateway, session, "[[write later.txt asked]] [[say done]]");
    const ended = answer.then(({ body }) => {
      throw new Error(`the call was not asked about: ${JSON.stringify(body)}`);
    });
    const approval = await Promise.race([onlyPending(gateway, session), ended]);
    await decide(gateway, approval.id, { decision: "allow" });
    ended.catch(() => undefined);
    const { body, headers } = await answer;
    expect(body.result).to.equal("done");
    expect(body.background_lost).to.have.length(1);
    expect(approval.turn_id).to.equal(headers.get("x-turn-id"));
    expect(read(session, "later.txt")).to.equal("asked");
  });
});
