import { GatewayError } from "@claudeway/ports";
import { expect } from "chai";
import { MemoryBudget } from "#scheduling/memory-budget.js";

describe("the memory that waiting requests may hold", () => {
  it("is half of all for one key, and its own again once it is given back", () => {
    const memory = new MemoryBudget(100);
    const giveBack = memory.hold("a", 50);
    expect(() => memory.hold("a", 1)).to.throw(
      GatewayError,
      "too many large requests or answers wait; try again",
    );
    memory.hold("b", 30);
    giveBack();
    memory.hold("a", 50);
  });

  it("is limited for all keys together; a refused key holds nothing", () => {
    const memory = new MemoryBudget(100);
    memory.hold("a", 50);
    const giveBack = memory.hold("b", 40);
    expect(() => memory.hold("c", 20))
      .to.throw(GatewayError)
      .with.property("code", "UNAVAILABLE");
    memory.hold("c", 10);
    giveBack();
    memory.hold("c", 40);
  });
});
