import { createTestGateway } from "@claudeway/testing";
import { expect } from "chai";
import { logStart, StartTimes, treeOf } from "#kernel/start-times.js";
import { plugin } from "../kernel/kit.js";

describe("the times of a start", () => {
  it("are shown as a tree, with the steps of a step below it", () => {
    const leaf = (name: string, ms: number) => ({ name, ms, steps: [] });
    const inner = { name: "checks", ms: 30, steps: [leaf("cli", 20), leaf("imports", 10)] };
    expect(treeOf({ name: "start", ms: 1540, steps: [inner, leaf("port", 2)] })).to.deep.equal([
      "start 1.5 s",
      "├─ checks 30 ms",
      "│  ├─ cli 20 ms",
      "│  └─ imports 10 ms",
      "└─ port 2 ms",
    ]);
  });

  it("record a step, and return its result", async () => {
    const times = new StartTimes();
    const result = await times.step(
      "outer",
      (inside) => inside.step("inner", () => 7),
      (found) => [{ name: `found ${found}`, ms: 1, steps: [] }],
    );
    expect(result).to.equal(7);
    const { steps } = times.end("start");
    expect(steps.map(({ name }) => name)).to.deep.equal(["outer"]);
    expect(steps[0]?.steps.map(({ name }) => name)).to.deep.equal(["inner", "found 7"]);
  });

  it("are logged at debug, and at warn if the start was slow", () => {
    for (const [ms, level] of [
      [10, "debug"],
      [5001, "warn"],
    ] as const) {
      const lines: string[] = [];
      const at = (name: string) => (line: string) => void lines.push(`${name}: ${line}`);
      logStart({ name: "start", ms, steps: [] }, { debug: at("debug"), warn: at("warn") });
      expect(lines).to.have.length(1);
      expect(lines[0]).to.match(new RegExp(`^${level}: start `));
    }
  });

  it("name every plugin of a gateway", async () => {
    const gateway = await createTestGateway({
      plugins: [plugin("slow", () => {}), plugin("quick", () => {})],
    });
    try {
      const lines = gateway.logs.map(({ msg }) => msg).filter((line) => /^(?:start \d|[├└│ ])/.test(line));
      expect(lines[0]).to.match(/^start /);
      const text = lines.join("\n");
      for (const name of ["checks", "ledger", "plugins", "slow", "quick", "port"]) {
        expect(text).to.match(new RegExp(`─ ${name} [\\d.]+ m?s`));
      }
    } finally {
      await gateway.close();
    }
  });
});
