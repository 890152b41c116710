import { mock } from "node:test";
import { setImmediate } from "node:timers/promises";
import { GatewayError, LedgerError } from "@claudeway/ports";
import { LedgerWatch } from "@claudeway/scheduling";
import { expect } from "chai";

const SILENT = "the ledger does not answer; no new turn begins until it does";

describe("the watch of a ledger in a database", () => {
  beforeEach(() => mock.timers.enable({ apis: ["setInterval"] }));
  afterEach(() => mock.timers.reset());

  it("says that it does not answer, once, refuses turns meanwhile, and says when it does", async () => {
    let problem: Error | undefined = new LedgerError("ledger db: no connection", {}, true);
    const said: string[] = [];
    const checkFile = () => (problem === undefined ? Promise.resolve() : Promise.reject(problem));
    const log = {
      error: (_: object, line: string) => said.push(line),
      info: (line: string) => said.push(line),
    };
    const watch = new LedgerWatch({ checkFile }, log);
    watch.start();
    for (let look = 0; look < 2; look++) {
      mock.timers.tick(5000);
      await setImmediate();
    }
    expect(refusal(watch)).to.include({ code: "UNAVAILABLE", message: SILENT });
    expect(refusal(watch)?.options.headers).to.deep.equal({ "retry-after": "5" });
    problem = undefined;
    mock.timers.tick(5000);
    await setImmediate();
    expect(refusal(watch)).to.equal(undefined);
    expect(said).to.deep.equal([SILENT, "the ledger answers again"]);
    watch.stop();
  });

  it("says once that another gateway has it, and nothing of a file", async () => {
    const taken = "the ledger was opened by another gateway; no new turn begins until this one is restarted";
    const problem = () => new LedgerError("ledger db: was opened by another gateway", {}, false, taken);
    const said: string[] = [];
    const log = { error: (_: object, line: string) => said.push(line), info: () => undefined };
    const watch = new LedgerWatch({ checkFile: () => Promise.reject(problem()) }, log);
    watch.start();
    for (let look = 0; look < 3; look++) {
      mock.timers.tick(5000);
      await setImmediate();
    }
    expect(refusal(watch)).to.include({ code: "UNAVAILABLE", message: taken });
    expect(said).to.deep.equal([taken]);
    watch.stop();
  });
});

function refusal(watch: LedgerWatch): GatewayError | undefined {
  try {
    watch.check();
    return undefined;
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
}
