import Router from "@koa/router";
import { expect } from "chai";
import { pino } from "pino";
import type { GatewayState } from "#core/http/context.js";
import { healthRoutes } from "#core/http/routes/health.js";
import { openLedger } from "#ledger-sqlite/sqlite-ledger.js";
import { temporaryFolder } from "../../temporary.js";
import { type Served, serveRoutes } from "./kit.js";

describe("GET /ready", () => {
  let served: Served;
  afterEach(() => served.close());

  async function serve({ fenced = false, log = pino({ level: "silent" }) } = {}) {
    const ledger = await openLedger({ dataDir: temporaryFolder("claudeway-ready-") });
    const router = new Router<GatewayState>();
    healthRoutes(router, {
      version: "1.0.0",
      ledger,
      checkLedger: () => undefined,
      checkLogin: async () => undefined,
      draining: () => false,
      fenced: () => fenced,
      log,
    });
    served = await serveRoutes(router);
    return ledger;
  }

  it("is 503 with the reason and Retry-After if the ledger fails, and logs the cause", async () => {
    const lines: string[] = [];
    const log = pino({ level: "debug" }, { write: (line: string) => void lines.push(line) });
    const ledger = await serve({ log });
    expect(await (await fetch(`${served.url}/ready`)).json()).to.deep.equal({ status: "ready" });
    await ledger.close();
    const answer = await fetch(`${served.url}/ready`);
    expect(answer.status).to.equal(503);
    expect(answer.headers.get("retry-after")).to.equal("5");
    expect(await answer.json()).to.deep.equal({
      error: "the ledger does not answer",
      code: "UNAVAILABLE",
      reason: "ledger_unavailable",
    });
    expect(lines.join("")).to.contain("not ready: the ledger does not answer");
    expect((await fetch(`${served.url}/health`)).status).to.equal(200);
  });

  it("is answered while the ledger does not answer, and asks it once", async () => {
    const ledger = await serve();
    let asked = 0;
    const { get } = ledger.turns;
    ledger.turns.get = () => {
      asked++;
      return new Promise(() => undefined);
    };
    const answers = await Promise.all([1, 2, 3].map(() => fetch(`${served.url}/ready`)));
    expect(answers.map(({ status }) => status)).to.deep.equal([503, 503, 503]);
    expect(await answers[0]?.json()).to.include({ reason: "ledger_unavailable" });
    expect(asked).to.equal(1);
    ledger.turns.get = get;
    await ledger.close();
  });

  it("is 503 while the node has lost its place in the cluster", async () => {
    const ledger = await serve({ fenced: true });
    const answer = await fetch(`${served.url}/ready`);
    expect(answer.status).to.equal(503);
    expect(await answer.json()).to.deep.include({ code: "UNAVAILABLE", reason: "fenced" });
    await ledger.close();
  });
});
