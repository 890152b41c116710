import type { SessionMessages } from "@claudeway/schemas";
import { expect } from "chai";
import { decide, newSession, park, prompt, startAsking, turnIn } from "./approval-kit.js";
import type { TestGateway } from "./gateway.js";

describe("GET /session/:id/messages of a session that asks", function () {
  this.timeout(120_000);
  let gateway: TestGateway;
  before(async () => {
    gateway = await startAsking({ live_wait_secs: 0.2 });
  });
  after(() => gateway.dispose());

  it("shows a parked and resumed turn as one", async () => {
    const session = await newSession(gateway);
    const { approval, turnId } = await park(gateway, session, "[[say first]] [[write a.txt A]] [[say last]]");
    await decide(gateway, approval.id, { decision: "allow" });
    await turnIn(gateway, turnId, "completed");
    await prompt(gateway, session, "[[say next]]");
    const { body } = await gateway.request<SessionMessages>(`/session/${session.id}/messages`);
    expect(body.total).to.equal(2);
    const [, turn] = body.turns;
    expect(turn?.turn_id).to.equal(turnId);
    const blocks = turn?.messages.flatMap(({ content }) => content) ?? [];
    expect(blocks.filter(({ type }) => type === "tool_result")).to.have.length(1);
    expect(blocks.at(-1)).to.include({ type: "text", text: "last" });
  });
});
