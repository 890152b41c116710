import { existsSync, mkdirSync } from "node:fs";
import { LedgerError } from "@claudeway/ports";
import { expect } from "chai";
import { ONE_NODE } from "#core/one-node.js";
import type { Turn } from "#core/turns/turn.js";
import { ScriptedEngine } from "#testing/scripted-engine.js";
import { eventually } from "../e2e/poll.js";
import { deferred } from "../kernel/kit.js";
import { CALLER, PROMPT, ServicesKit } from "./turns/services-kit.js";

describe("a one-shot task that can't be recorded", () => {
  let kit: ServicesKit;
  beforeEach(async () => {
    kit = await ServicesKit.open();
  });
  afterEach(() => kit.close());

  /** Starts a task in a folder that a plugin makes for it. */
  async function begin(folder: (path: string) => void): Promise<Turn> {
    const { tasks } = await kit.start(ONE_NODE, new ScriptedEngine());
    kit.kernel?.hooks.workdir.tapPromise("checkout", async ({ ownFolder = "" }) => {
      folder(ownFolder);
      mkdirSync(ownFolder);
      return ownFolder;
    });
    const request = { ...PROMPT, model: "sonnet", workdir: "repo:owner/name" };
    return tasks.start(CALLER, request, { id: crypto.randomUUID(), route: "POST /task" });
  }

  it("leaves nothing of the folder that a plugin made for it", async () => {
    kit.ledger.turns.begin = () => Promise.reject(new LedgerError("ledger: the disk is full", {}, true));
    let folder = "";
    const turn = await begin((path) => (folder = path));
    expect(existsSync(folder)).to.equal(true);
    expect((await turn.ended).outcome.end).to.equal("refused");
    await eventually("the folder is gone", () => !existsSync(folder));
  });

  it("keeps that folder if it ran there", async () => {
    const tried = deferred<void>();
    kit.ledger.turns.end = () => {
      tried.resolve();
      return Promise.reject(new LedgerError("ledger: the disk is full", {}, true));
    };
    let folder = "";
    const turn = await begin((path) => (folder = path));
    await tried.promise;
    turn.stop("shutdown");
    expect((await turn.ended).outcome.end).to.equal("failed");
    await kit.close();
    expect(existsSync(folder)).to.equal(true);
  });
});
