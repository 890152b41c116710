import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LedgerError } from "@claudeway/ports";
import { expect } from "chai";
import type { Services } from "#core/services.js";
import { ScriptedEngine } from "#testing/scripted-engine.js";
import { eventually } from "../e2e/poll.js";
import { BookOwnership } from "./turns/book-ownership.js";
import { CALLER, newSessionOf, PROMPT, ServicesKit } from "./turns/services-kit.js";

describe("a session that is deleted", () => {
  let kit: ServicesKit;
  let services: Services;
  let engine: ScriptedEngine;
  beforeEach(async () => {
    kit = await ServicesKit.open();
    engine = new ScriptedEngine();
    services = await kit.start(await BookOwnership.join(kit.ledger.nodes, "one"), engine);
  });
  afterEach(() => kit.close());

  it("ends for plugins and streams also if its folder can't be removed", async () => {
    const id = await newSessionOf(services);
    const ended: string[] = [];
    kit.kernel?.hooks.sessionEnd.tapPromise("test", async (session) => {
      ended.push(session.id);
    });
    services.workdirs.remove = () => Promise.reject(new Error("EBUSY: resource busy or locked, rmdir"));
    const failure = await services.sessions.delete(CALLER, id).catch(String);
    expect(failure).to.include("EBUSY");
    await eventually("plugins hear of it", () => ended.length > 0);
    expect(ended).to.deep.equal([id]);
    expect(await kit.ledger.sessions.get(id)).to.equal(undefined);
  });

  it("ends and loses its folder also if the ledger fails once it is deleted", async () => {
    const id = await newSessionOf(services);
    const { workdir = "" } = (await kit.ledger.sessions.get(id)) ?? {};
    const ended: string[] = [];
    kit.kernel?.hooks.sessionEnd.tapPromise("test", async (session) => void ended.push(session.id));
    kit.ledger.turns.parked = () => Promise.reject(new LedgerError("ledger: away"));
    engine.release = () => Promise.reject(new Error("EPERM"));
    expect(await services.sessions.delete(CALLER, id).catch(String)).to.include("away");
    await eventually("plugins hear of it", () => ended.length > 0);
    expect(existsSync(workdir)).to.equal(false);
  });

  it("leaves nothing of the files of a prompt that came before", async () => {
    const id = await newSessionOf(services);
    const { workdir = "" } = (await kit.ledger.sessions.get(id)) ?? {};
    const request = { ...PROMPT, restart_conversation: false, withdraw_pending: false };
    const turn = await services.sessions.prompt(CALLER, id, request, crypto.randomUUID(), async () => {
      await services.sessions.delete(CALLER, id);
      mkdirSync(workdir);
      writeFileSync(join(workdir, "a.txt"), "a");
    });
    expect((await turn.ended).outcome.end).to.equal("refused");
    expect(existsSync(workdir)).to.equal(false);
  });
});
