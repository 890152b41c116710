import { expect } from "chai";
import { Launcher } from "#engine-claude/launcher.js";
import { termsOf } from "#engine-claude/options.js";
import { onStage } from "./played.js";
import { PROGRAM } from "./recorded-cli.js";

describe("the start of a process", () => {
  it("that fails leaves no mirror of its session", async () => {
    await onStage([], async (stage) => {
      let closed = 0;
      const mirror = { take: () => undefined, flush: async () => true, close: async () => void closed++ };
      const launcher = new Launcher({
        executable: PROGRAM,
        installation: "unit",
        shared: Object({ mirror: () => mirror }),
        query: () => {
          throw new Error("no memory");
        },
      });
      const terms = { ...termsOf(stage.turn("one")), sharedAs: "one" };
      expect(() => launcher.start(terms, false)).to.throw("no memory");
      expect(closed).to.equal(1);
    });
  });
});
