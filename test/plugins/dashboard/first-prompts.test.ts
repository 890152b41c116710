import { expect } from "chai";
import { FirstPrompts } from "#plugins/dashboard/live/first-prompts.js";

describe("dashboard: the first prompts of sessions", () => {
  it("are those of sessions that were seen to begin, on one line of at most 200 characters", () => {
    const prompts = new FirstPrompts();
    prompts.note("old", "one of many");
    prompts.begin("new");
    expect(prompts.of("new")).to.equal(undefined);
    prompts.note("new", "  \n");
    prompts.note("new", " Bound the\n\n retries ");
    prompts.note("new", "and test it");
    prompts.begin("long");
    prompts.note("long", "x".repeat(1_000_000));
    expect(["old", "new", "long"].map((session) => prompts.of(session))).to.deep.equal([
      undefined,
      "Bound the retries",
      "x".repeat(200),
    ]);
  });

  it("are bounded in number: the oldest are dropped", () => {
    const prompts = new FirstPrompts();
    for (let session = 0; session < 10_100; session++) {
      prompts.begin(`${session}`);
      prompts.note(`${session}`, "hello");
    }
    expect([prompts.of("99"), prompts.of("100")]).to.deep.equal([undefined, "hello"]);
  });
});
