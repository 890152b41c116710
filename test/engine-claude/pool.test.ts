import { expect } from "chai";
import { pino } from "pino";
import { ProcessPool } from "#engine-claude/pool.js";

const log = pino({ level: "silent" });
const BACKGROUND = { backgroundMs: 0, maxBackground: 0, maxBackgroundPerKey: 0 };

describe("the pool of processes", () => {
  it("rejects all waiters when it closes", async () => {
    const pool = new ProcessPool({ maxProcesses: 1, idleMs: 1000, maxMemoryBytes: 0, ...BACKGROUND }, log);
    const broken = () => {
      throw new Error("none is started in this test");
    };
    const starts = [1, 2, 3].map(() => pool.start(broken).catch(({ message }: Error) => message));
    await pool.close();
    expect(await Promise.all(starts)).to.deep.equal([
      "none is started in this test",
      "the gateway is closing: no process is started any more",
      "the gateway is closing: no process is started any more",
    ]);
    expect(pool.count).to.equal(0);
  });
});
