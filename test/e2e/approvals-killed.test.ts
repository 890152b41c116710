import { expect } from "chai";
import { readEvents } from "#testing/event-parser.js";
import {
  asking,
  BYPASS,
  decide,
  newSession,
  onlyPending,
  park,
  prompt,
  read,
  resultsOf,
  startAsking,
  type TestSession,
  transcriptOf,
  turnIn,
  UNHEARD,
} from "./approval-kit.js";
import type { TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";
import { readProcess } from "./processes.js";

const LIVE = asking({ live_wait_secs: 600 });
const PARKS = asking({ live_wait_secs: 0.2 });

describe("approvals after a kill of all processes", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await startAsking();
  });
  after(() => gateway.dispose());

  /** As a power cut does: the CLI can't do or write anything any more after the gateway has gone. */
  async function killAll(): Promise<void> {
    const children = await gateway.children();
    for (const pid of children) process.kill(pid, "SIGSTOP");
    await gateway.stop("SIGKILL");
    // In the sandbox they have ended with the gateway.
    for (const pid of children.filter((one) => readProcess(one, "status") !== ""))
      process.kill(pid, "SIGKILL");
  }

  async function relaunch(options: Parameters<TestGateway["launch"]>[0]): Promise<void> {
    await gateway.stop();
    await gateway.launch(options);
  }

  it("while a call is pending live: withdrawn, listed with its lost turn, and approvable once", async () => {
    await relaunch(LIVE);
    const session = await newSession(gateway);
    const answer = prompt(gateway, session, "[[write a.txt A]]").catch(() => undefined);
    const approval = await onlyPending(gateway, session);
    // Told by the CLI of what it has written down, the scripted model makes the call again.
    await eventually("the call in the transcript", () =>
      transcriptOf(gateway, session).includes(`"id":"${approval.tool_use_id}"`),
    );
    await killAll();
    await answer;
    await gateway.launch(LIVE);

    const { result } = await turnIn(gateway, approval.turn_id, "lost");
    const { tool_use_id } = approval;
    expect(result?.permission_denials?.map((denial) => denial.tool_use_id)).to.deep.equal([tool_use_id]);
    const withdrawn = await gateway.request(`/approvals/${approval.id}`);
    expect(withdrawn.body).to.include({ status: "withdrawn", parked: false });
    expect((await decide(gateway, approval.id, { decision: "allow" })).status).to.equal(409);
    const listed = await gateway.request<{ approvals: { id: string }[] }>("/approvals?status=withdrawn");
    expect(listed.body.approvals.map(({ id }) => id)).to.include(approval.id);
    expect(read(session, "a.txt")).to.equal(undefined);

    const approve = () =>
      gateway.request(`/session/${session.id}/approve`, { body: { tool_use_ids: [tool_use_id] } });
    const approved = await approve();
    expect(approved.body).to.include({ success: true });
    expect(approved.body["approved"]).to.deep.equal([{ tool_use_id, ran: true }]);
    expect(read(session, "a.txt")).to.equal("A");
    expect((await approve()).status).to.equal(409);
  });

  for (const decision of ["allow", "deny"] as const) {
    for (const [later, options] of [
      ["with the plugin", PARKS],
      ["without it, with the bypass on", BYPASS],
    ] as const) {
      it(`after ${decision} was sent but not received: the call never runs, the next prompt does (${later})`, async () => {
        await relaunch(PARKS);
        const session = await newSession(gateway);
        const { approval, turnId } = await park(gateway, session, "[[write a.txt A]]");
        await relaunch({ ...PARKS, args: [...PARKS.args, "--enable-plugin", UNHEARD] });
        await decide(gateway, approval.id, { decision });
        await resolved(turnId);
        await killAll();
        await gateway.launch(options);
        await turnIn(gateway, turnId, "lost");
        expect((await prompt(gateway, session, "[[say on]]")).body.result).to.equal("on");
        expect((await prompt(gateway, session, "[[say further]]")).body.result).to.equal("further");
        expect(read(session, "a.txt")).to.equal(undefined);
      });
    }
  }

  it("after it has run: it does not run again, and the next prompt is not delayed for long", async () => {
    await relaunch(PARKS);
    const session = await newSession(gateway);
    const { approval, turnId } = await park(gateway, session, "[[write a.txt A]] [[write b.txt B]]");
    await relaunch(LIVE);
    await decide(gateway, approval.id, { decision: "allow" });
    const second = await onlyPending(gateway, session);
    expect(read(session, "a.txt")).to.equal("A");
    await killAll();
    await gateway.launch(LIVE);
    const { result } = await turnIn(gateway, turnId, "lost");
    expect(result?.permission_denials?.map(({ tool_use_id }) => tool_use_id)).to.deep.equal([
      second.tool_use_id,
    ]);
    const started = performance.now();
    expect((await prompt(gateway, session, "[[say on]]")).body.result).to.equal("on");
    expect(performance.now() - started).to.be.below(30_000);
    expect(runs(session, approval.tool_use_id)).to.equal(1);
    expect(read(session, "b.txt")).to.equal(undefined);
  });

  function runs(session: TestSession, toolUseId: string): number {
    return resultsOf(gateway, session, toolUseId).length;
  }

  /** The decision of a turn that goes on is on its way to the CLI. */
  async function resolved(turnId: string): Promise<void> {
    // The events of a parked turn end; another node resumes it a moment after its decision.
    await eventually("the decision", async () => {
      const events = await gateway.fetch(`/turns/${turnId}/events`);
      for await (const { event } of readEvents(events)) if (event === "permission_resolved") return true;
      return false;
    });
  }
});
