import { type Ledger, LedgerError } from "@claudeway/ports";
import { expect } from "chai";
import { TurnStarter } from "#core/http/start-turn.js";
import { ONE_NODE } from "#core/one-node.js";
import { TurnViews } from "#core/turns/view.js";
import { ScriptedEngine } from "#testing/scripted-engine.js";
import { eventually } from "../../e2e/poll.js";
import { deferred } from "../../kernel/kit.js";
import { CALLER, log, PROMPT, ServicesKit } from "../turns/services-kit.js";
import { type Served, serve } from "./kit.js";

const away = () => new LedgerError("ledger: away", {}, true);

describe("a request with an Idempotency-Key, repeated after a fault of the ledger", () => {
  let kit: ServicesKit;
  let ledger: Ledger;
  let engine: ScriptedEngine;
  let served: Served;
  beforeEach(async () => {
    kit = await ServicesKit.open();
    ({ ledger } = kit);
    engine = new ScriptedEngine();
    const { tasks, turns, keys } = await kit.start(ONE_NODE, engine);
    const records = { ledger, ownership: ONE_NODE, keys };
    const starter = new TurnStarter(records, new TurnViews(turns, ledger), log);
    served = await serve(async (ctx) => {
      ctx.state.caller = CALLER;
      const begin = (id: string) =>
        tasks.start(CALLER, { ...PROMPT, model: "sonnet" }, { id, route: "POST /task" });
      const { view } = await starter.start(ctx, { detach: false }, begin);
      const { response, error } = await view.answer;
      if (error !== undefined) throw error;
      ctx.body = response;
    });
  });
  afterEach(async () => {
    await served.close();
    await kit.close();
  });

  async function send(): Promise<number> {
    const { status } = await fetch(served.url, { method: "POST", headers: { "idempotency-key": "a" } });
    return status;
  }

  /** Has the next release of a key fail. */
  function failRelease(): void {
    const { release } = ledger.idempotency;
    ledger.idempotency.release = () => {
      ledger.idempotency.release = release;
      return Promise.reject(away());
    };
  }

  it("runs if its turn could not begin, and its key not be released", async () => {
    const { begin } = ledger.turns;
    ledger.turns.begin = () => {
      ledger.turns.begin = begin;
      return Promise.reject(away());
    };
    failRelease();
    expect(await send()).to.equal(503);
    expect(await send()).to.equal(200);
    expect(await send()).to.equal(200);
    expect(engine.ran).to.have.lengthOf(1);
  });

  it("runs if its turn could not be made, and its key not be released", async () => {
    const { get } = ledger.sessions;
    ledger.sessions.get = () => {
      ledger.sessions.get = get;
      return Promise.reject(away());
    };
    failRelease();
    expect(await send()).to.equal(503);
    expect(await send()).to.equal(200);
    expect(engine.ran).to.have.lengthOf(1);
  });

  it("runs if its key was claimed, and only the answer was lost", async () => {
    const { claim } = ledger.idempotency;
    ledger.idempotency.claim = async (...claimed) => {
      ledger.idempotency.claim = claim;
      await claim(...claimed);
      throw away();
    };
    expect(await send()).to.equal(503);
    expect(await send()).to.equal(200);
    expect(await send()).to.equal(200);
    expect(engine.ran).to.have.lengthOf(1);
  });

  it("joins the first request also before that has heard that the key is its own", async () => {
    const { claim } = ledger.idempotency;
    const heard = deferred();
    let claims = 0;
    ledger.idempotency.claim = async (...claimed) => {
      const isFirst = ++claims === 1;
      const answer = await claim(...claimed);
      if (isFirst) await heard.promise;
      else heard.resolve();
      return answer;
    };
    const first = send();
    await eventually("the first asks for its key", () => claims === 1);
    expect(await Promise.all([first, send()])).to.deep.equal([200, 200]);
    expect(engine.ran).to.have.lengthOf(1);
  });
});
