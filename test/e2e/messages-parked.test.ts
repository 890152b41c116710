import type { SessionMessages } from "@claudeway/schemas";
import { expect } from "chai";
import { decide, newSession, park, prompt, startAsking, turnIn } from "./approval-kit.js";
import type { TestGateway } from "./gateway.js";

describe("GET /session/:id/messages of a session that asks", () => {
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

  it("is not forked while it waits, but at an earlier turn", async () => {
    const session = await newSession(gateway);
    const { headers } = await prompt(gateway, session, "[[say before]]");
    const { approval, turnId } = await park(gateway, session, "[[say first]] [[write b.txt B]] [[say last]]");
    const fork = (body: object) => gateway.request(`/session/${session.id}/fork`, { body });
    for (const body of [{}, { at: turnId }])
      expect((await fork(body)).body["code"], JSON.stringify(body)).to.equal("CONFLICT");
    const forked = await fork({ at: headers.get("x-turn-id") });
    expect(forked.status, JSON.stringify(forked.body)).to.equal(200);
    const path = `/session/${String(forked.body["session_id"])}`;
    const answer = await gateway.request(path, { body: { prompt: "[[recall]]" } });
    expect(answer.body["result"]).to.equal('I remember 1 earlier prompt: ["[[say before]]"]');
    await decide(gateway, approval.id, { decision: "allow" });
    await turnIn(gateway, turnId, "completed");
  });
});
