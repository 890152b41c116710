import { expect } from "chai";
import { SentOnce } from "#plugins/dashboard/routes/sent-once.js";
import { memoryStore } from "../memory-store.js";

const QUIET = { warn: (fields: unknown) => expect.fail(JSON.stringify(fields)) };

describe("drafts of prompts", () => {
  const store = memoryStore();
  let begun = 0;
  const start = async () => `turn ${++begun}`;

  it("begin one turn in their session, also at once, and after a restart", async () => {
    const sent = new SentOnce({ store, log: QUIET });
    const [one, same] = await Promise.all([sent.turn("s", "a", start), sent.turn("s", "a", start)]);
    expect([one, same]).to.deep.equal(["turn 1", "turn 1"]);
    expect(await sent.turn("s", "a", start)).to.equal("turn 1");
    expect(await new SentOnce({ store, log: QUIET }).turn("s", "a", start)).to.equal("turn 1");
    expect(await sent.turn("t", "a", start), "another session's").to.equal("turn 2");
    expect(await sent.turn("s", undefined, start), "no draft").to.equal("turn 3");
  });

  it("begin one after a refusal", async () => {
    const sent = new SentOnce({ store, log: QUIET });
    const refused = await sent
      .turn("s", "b", () => Promise.reject(new Error("busy")))
      .catch((error: unknown) => String(error));
    expect(refused).to.equal("Error: busy");
    expect(await sent.turn("s", "b", start)).to.equal("turn 4");
  });

  it("answer with a turn that can't be noted", async () => {
    const warnings: unknown[] = [];
    const log = { warn: (fields: unknown) => warnings.push(fields) };
    const full = { ...store, set: async () => ({ ok: false, reason: "full" }) as const };
    expect(await new SentOnce({ store: full, log }).turn("s", "c", start)).to.equal("turn 5");
    expect(String(Object(warnings[0]).err)).to.include("full");
    const away = { ...store, set: () => Promise.reject(new Error("away")) };
    expect(await new SentOnce({ store: away, log }).turn("s", "c", start)).to.equal("turn 6");
    expect(String(Object(warnings[1]).err)).to.include("away");
  });
});
