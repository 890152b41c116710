import { expect } from "chai";
import {
  asking,
  decide,
  newSession,
  onlyPending,
  park,
  prompt,
  read,
  type TestSession,
  turnIn,
} from "./approval-kit.js";
import { TestGateway } from "./gateway.js";

/** Everything but the plan is allowed by a rule. */
const RULES = { allow: "^(EnterPlanMode|Write|Bash|Read)" };
const ENTER = '[[{"tool":"EnterPlanMode","input":{}}]]';
const EXIT = '[[{"tool":"ExitPlanMode","input":{"plan":"write it"}}]]';

describe("plan mode, where tool calls are asked about", () => {
  let gateway: TestGateway;
  let session: TestSession;
  before(async () => {
    gateway = await TestGateway.start(asking(RULES));
  });
  after(() => gateway.dispose());
  beforeEach(async () => {
    session = await newSession(gateway);
    expect((await prompt(gateway, session, ENTER)).body.success).to.equal(true);
  });

  /** What becomes of a call that a rule allows. */
  async function writes(file: string): Promise<boolean> {
    const { body } = await prompt(gateway, session, `[[write ${file} text]]`);
    expect(body.success).to.equal(true);
    const wrote = read(session, file) === "text";
    expect(body.permission_denials?.length ?? 0, "denials").to.equal(wrote ? 0 : 1);
    return wrote;
  }

  it("is left when a person allows that", async () => {
    expect(await writes("in-plan-mode"), "a write in plan mode").to.equal(false);
    const turn = prompt(gateway, session, `${EXIT} [[write after text]]`);
    const { id, tool } = await onlyPending(gateway, session);
    expect(tool).to.equal("ExitPlanMode");
    await decide(gateway, id, { decision: "allow" });
    const { body } = await turn;
    expect(body).to.include({ success: true }).and.not.have.property("permission_denials");
    expect(read(session, "after"), "in the same turn").to.equal("text");
    expect(await writes("later"), "in a later turn").to.equal(true);
  });

  it("stays when a person denies that: nothing is written", async () => {
    const turn = prompt(gateway, session, `${EXIT} [[write after text]]`);
    const { id } = await onlyPending(gateway, session);
    await decide(gateway, id, { decision: "deny", message: "not yet" });
    expect((await turn).body.permission_denials?.map(({ tool_name }) => tool_name)).to.deep.equal([
      "ExitPlanMode",
      "Write",
    ]);
    expect(read(session, "after")).to.equal(undefined);
    expect(await writes("later")).to.equal(false);
  });

  it("stays over a restart, and is left after it", async () => {
    await gateway.stop();
    await gateway.launch();
    expect(await writes("restarted"), "after the restart").to.equal(false);
    const turn = prompt(gateway, session, EXIT);
    const { id } = await onlyPending(gateway, session);
    await decide(gateway, id, { decision: "allow" });
    expect((await turn).body.success).to.equal(true);
    await gateway.stop();
    await gateway.launch();
    expect(await writes("later"), "after the one after it").to.equal(true);
  });

  it("lets the model ask its user", async () => {
    const turn = prompt(gateway, session, "[[ask Which way?|left|right]]");
    const { id } = await onlyPending(gateway, session);
    await decide(gateway, id, { decision: "allow", updated_input: { answers: { "Which way?": "left" } } });
    expect((await turn).body.result).to.contain("left");
    expect(await writes("later"), "still in plan mode").to.equal(false);
  });
});

describe("plan mode, where a call waits for hours", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start(asking({ ...RULES, live_wait_secs: 0 }));
  });
  after(() => gateway.dispose());

  for (const decision of ["allow", "deny"] as const) {
    it(`is ${decision === "allow" ? "left" : "kept"} when the parked ExitPlanMode is decided: ${decision}`, async () => {
      const session = await newSession(gateway);
      await prompt(gateway, session, ENTER);
      const { approval, turnId } = await park(gateway, session, `${EXIT} [[write after text]]`);
      await decide(gateway, approval.id, { decision });
      await turnIn(gateway, turnId, "completed");
      expect(read(session, "after")).to.equal(decision === "allow" ? "text" : undefined);
    });
  }
});
