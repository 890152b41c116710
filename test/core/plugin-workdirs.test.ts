import { definePlugin, type TurnRunner } from "@claudeway/core";
import { createTestGateway } from "@claudeway/testing";
import { expect } from "chai";
import { rejection } from "../kernel/kit.js";

const REFUSED = /^workdir must not be, contain, or be inside the gateway's data folder, got "/;

describe("a workdir that a plugin chooses", () => {
  let dataDir = "";
  let turns: TurnRunner | undefined;
  const mover = definePlugin<object, "control" | "turns">({
    name: "mover",
    apiVersion: 1,
    configSchema: { type: "object", additionalProperties: false },
    needs: ["control", "turns"],
    apply(kernel) {
      dataDir = kernel.control.paths.dataDir;
      turns = kernel.turns;
      kernel.hooks.beforeExecute.tap("move", (plan) =>
        plan.prompt === "move" ? { ...plan, workdir: dataDir } : plan,
      );
    },
  });

  it("is refused like one that a caller names", async () => {
    const gateway = await createTestGateway({ plugins: [mover] });
    try {
      for (const refused of [
        await rejection(gateway.turn("move")),
        await rejection(Promise.resolve(turns?.startSession("user", { workdir: dataDir }))),
      ]) {
        expect(refused).to.include({ code: "BAD_REQUEST" });
        expect(refused).to.have.property("message").that.matches(REFUSED);
      }
      expect(gateway.ran).to.deep.equal([]);
    } finally {
      await gateway.close();
    }
  });
});
