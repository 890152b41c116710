import { existsSync, mkdirSync } from "node:fs";
import { LedgerError } from "@claudeway/ports";
import { expect } from "chai";
import { ONE_NODE } from "#core/one-node.js";
import { ScriptedEngine } from "#testing/scripted-engine.js";
import { eventually } from "../e2e/poll.js";
import { CALLER, PROMPT, ServicesKit } from "./turns/services-kit.js";

describe("a one-shot task that can't be recorded", () => {
  let kit: ServicesKit;
  beforeEach(async () => {
    kit = await ServicesKit.open();
  });
  afterEach(() => kit.close());

  it("leaves nothing of the folder that a plugin made for it", async () => {
    const { tasks } = await kit.start(ONE_NODE, new ScriptedEngine());
    let folder = "";
    kit.kernel?.hooks.workdir.tapPromise("checkout", async ({ ownFolder = "" }) => {
      folder = ownFolder;
      mkdirSync(ownFolder);
      return ownFolder;
    });
    kit.ledger.turns.begin = () => Promise.reject(new LedgerError("ledger: the disk is full", {}, true));
    const request = { ...PROMPT, model: "sonnet", workdir: "repo:owner/name" };
    const turn = await tasks.start(CALLER, request, { id: crypto.randomUUID(), route: "POST /task" });
    expect(existsSync(folder)).to.equal(true);
    expect((await turn.ended).outcome.end).to.equal("refused");
    await eventually("the folder is gone", () => !existsSync(folder));
  });
});
