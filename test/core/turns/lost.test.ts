import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { definePlugin, type TurnInfo, type TurnOutcome } from "@claudeway/core";
import { expect } from "chai";
import { openLedger } from "../../../core/dist/ledger/sqlite-ledger.js";
import { ScriptedEngine } from "../../../core/dist/testing/scripted-engine.js";
import { bootScripted } from "./kit.js";

const TURN: TurnInfo = {
  id: "0b0e5b5a-3d0f-4d2a-9d0e-0d5b8f6f0a01",
  sessionId: "0b0e5b5a-3d0f-4d2a-9d0e-0d5b8f6f0a02",
  kind: "session",
  keyId: "admin",
  createdAt: "2026-01-01T00:00:00.000Z",
};

describe("a turn that was lost when a gateway died", () => {
  let dir: string;

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), "claudeway-lost-"));
    await beginTurn(join(dir, "data"));
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  it("is told to afterExecute at the next start, once", async () => {
    const told: [TurnInfo, TurnOutcome][] = [];
    for (let round = 0; round < 2; round++) {
      const gateway = await bootScripted(dir, new ScriptedEngine(), [listener(told)]);
      await gateway.close();
    }
    expect(told).to.have.length(1);
    const [[turn, outcome] = []] = told;
    expect(turn).to.deep.equal(TURN);
    expect(outcome).to.deep.include({ end: "lost", model: "sonnet" });
    expect(outcome?.response).to.deep.include({ success: false, code: "UNAVAILABLE" });
  });
});

function listener(told: [TurnInfo, TurnOutcome][]) {
  return definePlugin({
    name: "listener",
    apiVersion: 1,
    configSchema: { type: "object" },
    apply(kernel) {
      kernel.hooks.afterExecute.tap("listen", (turn, outcome) => void told.push([turn, outcome]));
    },
  });
}

/** Leaves a ledger as a gateway does that is killed in the middle of a turn. */
async function beginTurn(dataDir: string): Promise<void> {
  const ledger = await openLedger({ dataDir });
  const { sessionId: id, keyId, kind, createdAt } = TURN;
  const workdir = dataDir;
  await ledger.sessions.create({
    id,
    keyId,
    kind,
    createdAt,
    workdir,
    model: "sonnet",
    systemPrompt: undefined,
    ownsWorkdir: false,
  });
  const prompt = { bytes: 5, sha256: "" };
  await ledger.turns.begin({ ...TURN, route: "POST /session/:id", model: "sonnet", prompt });
  await ledger.close();
}
