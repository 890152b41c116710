import type { TurnResponse } from "@claudeway/schemas";
import { expect } from "chai";
import { asking, newSession, prompt, read, type TestSession } from "./approval-kit.js";
import { KEYS, TestGateway } from "./gateway.js";

/** Denies what needs permission, with no plugin that could have an answer. */
const DENYING = { env: { IS_SANDBOX: "1" }, args: ["--no-permissions-bypass"], config: "" };

describe("approving afterwards what the key may not decide", () => {
  let gateway: TestGateway;
  beforeEach(async () => {
    gateway = await TestGateway.start(
      asking({ live_wait_secs: 1, max_hold_secs: 1, expires_secs: 2, deciders: ["admin"] }),
    );
  });
  afterEach(() => gateway.dispose());

  const approve = (session: TestSession, denials: TurnResponse["permission_denials"]) =>
    gateway.request<TurnResponse & { readonly code?: string }>(`/session/${session.id}/approve`, {
      body: { tool_use_ids: denials?.map(({ tool_use_id }) => tool_use_id) },
      key: KEYS.bob,
    });

  /** What became of the calls that bob's turn made; with the plugin gone bob approves them. */
  async function approvedLater(text: string, file: string) {
    const session = await newSession(gateway, KEYS.bob);
    const { body } = await prompt(gateway, session, text, {}, KEYS.bob);
    await gateway.stop();
    await gateway.launch(DENYING);
    const answer = await approve(session, body.permission_denials);
    return { body, answer, written: read(session, file) };
  }

  it("refuses a call that a rule denied, with the plugin off", async () => {
    const { body, answer, written } = await approvedLater("[[write FORBIDDEN.txt x]]", "FORBIDDEN.txt");
    expect(body.permission_denials?.map(({ approvable }) => approvable)).to.deep.equal([false]);
    expect(answer.status, JSON.stringify(answer.body)).to.equal(403);
    expect(answer.body).to.include({ code: "FORBIDDEN" });
    expect(written).to.equal(undefined);
  });

  it("refuses a call that only others could decide, with the plugin off", async () => {
    const text = "[[subagent [[write a.txt A]]]]";
    const { body, answer, written } = await approvedLater(text, "a.txt");
    expect(body.permission_denials?.map(({ approvable }) => approvable)).to.deep.equal([false]);
    expect(answer.status, JSON.stringify(answer.body)).to.equal(403);
    expect(written).to.equal(undefined);
  });

  it("refuses a call whose rules failed", async () => {
    const { body, answer, written } = await approvedLater("[[write THROW.txt x]]", "THROW.txt");
    expect(body.permission_denials).to.have.length(1);
    expect(answer.status).to.equal(403);
    expect(written).to.equal(undefined);
  });
});
