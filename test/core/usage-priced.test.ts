import { definePlugin, type TurnInfo } from "@claudeway/core";
import { createTestGateway } from "@claudeway/testing";
import { expect } from "chai";

describe("usagePriced", () => {
  it("is called once for a turn without a cost, when another turn tells the price", async () => {
    const priced: (readonly [TurnInfo, number | null])[] = [];
    const sums = definePlugin<object>({
      name: "sums",
      apiVersion: 1,
      configSchema: { type: "object" },
      apply: ({ hooks }) =>
        hooks.usagePriced.tap("keep", (turn, { costUsd }) => void priced.push([turn, costUsd])),
    });
    await using gateway = await createTestGateway({
      plugins: [sums],
      *replies({ prompt }) {
        yield { usage: { input: 1000, output: 0, costUsd: prompt === "unpriced" ? null : 0.002 } };
        yield "fine";
      },
    });
    const first = await gateway.turn("unpriced", { key: "user", metadata: { ticket: "7" } });
    expect(first.cost_usd).to.equal(null);
    expect(priced).to.deep.equal([]);
    await gateway.turn("priced");
    await gateway.turn("priced");
    expect(priced.map(([, cost]) => cost)).to.deep.equal([0.002]);
    expect(priced[0]?.[0]).to.deep.include({ kind: "task", keyId: "user", metadata: { ticket: "7" } });
    expect(priced[0]?.[0]).to.have.all.keys(
      "id",
      "sessionId",
      "kind",
      "keyId",
      "createdAt",
      "metadata",
      "origin",
    );
  });
});
