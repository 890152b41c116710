import { randomUUID } from "node:crypto";
import type { Approval, AskTerms, Decider, Ledger } from "@claudeway/ports";
import { expect } from "chai";
import { pino } from "pino";
import { ApprovalService } from "#core/approvals/approval-service.js";
import { LinkSigner } from "#core/approvals/links.js";
import { fileSecrets } from "#core/one-node.js";
import { openLedger } from "#ledger-sqlite/sqlite-ledger.js";
import { createKernel, deferred, plugin } from "../../kernel/kit.js";
import {
  newFolder,
  newSession,
  newTurn,
  outcome,
  rejection,
  removeFolders,
  tokens,
  usageOf,
} from "../../ledger/fixture.js";

const OWNER: Decider = { channel: "key", who: "ci", keyId: "ci" };

/** One gateway of several on a ledger. */
interface Gateway {
  readonly service: ApprovalService;
  /** What its plugins and its audit log were told. */
  readonly told: string[];
  readonly lines: string[];
}

describe("approvals of several gateways on one ledger", () => {
  let ledger: Ledger;
  let gateways: Gateway[];
  let secrets: string;
  const session = newSession();
  let onTold: () => void = () => undefined;

  before(async () => {
    secrets = newFolder();
    ledger = await openLedger({ dataDir: newFolder() });
    await ledger.sessions.create(session);
  });
  beforeEach(async () => {
    gateways = await Promise.all([1, 2, 3].map(() => open()));
  });
  afterEach(() => {
    for (const { service } of gateways) service.close();
  });
  after(async () => {
    await ledger.close();
    removeFolders();
  });

  async function open(): Promise<Gateway> {
    const { kernel } = createKernel();
    const told: string[] = [];
    const lines: string[] = [];
    const tell = ({ id, status }: Approval) => {
      told.push(`${id} ${status}`);
      onTold();
    };
    const observer = plugin("told", ({ hooks }) => {
      hooks.approvalRequested.tap("told", tell);
      hooks.approvalDecided.tap("told", tell);
    });
    await kernel.enable({ plugins: [observer] });
    const service = new ApprovalService({
      ledger,
      kernel,
      shared: true,
      links: await LinkSigner.open(fileSecrets(secrets)),
      log: pino({ level: "silent" }),
      audit: {
        approval: ({ approval_id }) => void lines.push(approval_id),
        turn: () => undefined,
        request: () => undefined,
        refused: () => undefined,
        latestTurns: async () => new Set<string>(),
        flush: async () => undefined,
        close: async () => undefined,
      },
    });
    return { service, told, lines };
  }

  const at = (index: number): Gateway => {
    const found = gateways[index];
    if (found === undefined) throw new Error(`no gateway ${index}`);
    return found;
  };

  async function ask(service: ApprovalService, terms: AskTerms = {}) {
    const turn = newTurn(session);
    await ledger.turns.begin(turn, { epoch: 0 });
    const call = {
      toolUseId: `toolu_${randomUUID()}`,
      tool: "Bash",
      input: { command: "ls" },
      workdir: "/w",
    };
    return { turn, ...(await service.ask(call, turn, terms)) };
  }

  /** How often a decision was announced, at all gateways. */
  const announced = (id: string) => ({
    hooks: gateways.flatMap(({ told }) => told).filter((line) => line.startsWith(id)).length - 1,
    lines: gateways.flatMap(({ lines }) => lines).filter((line) => line === id).length,
  });

  for (const decidesAt of [0, 1, 2]) {
    for (const decision of ["allow", "deny"] as const) {
      it(`tells the waiting turn of gateway 0 what gateway ${decidesAt} decided: ${decision}`, async () => {
        const { approval, settled } = await ask(at(0).service);
        const decided = await at(decidesAt).service.decide(approval.id, { decision }, OWNER);
        expect(await settled).to.deep.equal(decided);
        expect(announced(approval.id)).to.deep.equal({ hooks: 1, lines: 1 });
      });
    }
  }

  it("lets one of three decisions at three gateways count, and names it to the others", async () => {
    for (let round = 0; round < 12; round++) {
      const { approval, settled } = await ask(at(round % 3).service);
      const results = await Promise.allSettled(
        gateways.map(({ service }, index) =>
          service.decide(
            approval.id,
            { decision: index === 1 ? "deny" : "allow" },
            { ...OWNER, who: `n${index}` },
          ),
        ),
      );
      const won = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
      expect(won, `round ${round}`).to.have.length(1);
      expect(await settled).to.deep.equal(won[0]);
      expect(announced(approval.id)).to.deep.equal({ hooks: 1, lines: 1 });
    }
  });

  it("expires what a gateway asked that is gone, once", async () => {
    const { approval } = await ask(at(0).service, { expiresSecs: 1 });
    at(0).service.close();
    for (const index of [1, 2]) await at(index).service.recover();
    const expired = deferred();
    onTold = () => {
      if (announced(approval.id).hooks > 0) expired.resolve();
    };
    await expired.promise;
    expect((await ledger.approvals.get(approval.id))?.status).to.equal("expired");
    // Each of the others looks again before this resolves.
    await Promise.all([1, 2].map((index) => at(index).service.recover()));
    expect(announced(approval.id)).to.deep.equal({ hooks: 1, lines: 1 });
  });

  it("hands the waiter an expiry of another gateway", async () => {
    const { approval, settled } = await ask(at(0).service);
    await at(1).service.expire(approval.id);
    expect((await settled).status).to.equal("expired");
    expect(announced(approval.id)).to.deep.equal({ hooks: 1, lines: 1 });
  });

  it("withdraws what a lost turn of another gateway asked", async () => {
    const { approval, turn } = await ask(at(0).service);
    at(0).service.close();
    const withdrawn = deferred();
    onTold = () => {
      if (announced(approval.id).hooks > 0) withdrawn.resolve();
    };
    await at(1).service.recover();
    expect((await ledger.approvals.get(approval.id))?.status).to.equal("pending");
    await ledger.turns.end(turn.id, outcome(turn, usageOf("sonnet", tokens(), 0), { end: "lost" }), {
      at: new Date().toISOString(),
    });
    await withdrawn.promise;
    expect((await ledger.approvals.get(approval.id))?.status).to.equal("withdrawn");
  });

  it("opens a signed link at every gateway, once", async () => {
    const { approval } = await ask(at(0).service);
    const path = await at(0).service.link(approval.id);
    for (const { service } of gateways) {
      expect(service.isSigned(path)).to.equal(true);
      const token = path.slice(path.lastIndexOf("/") + 1);
      expect((await service.behindLink(token))?.id).to.equal(approval.id);
    }
    const link: Decider = { channel: "link", who: "link" };
    await at(2).service.decide(approval.id, { decision: "allow" }, link);
    const again = await rejection(at(1).service.decide(approval.id, { decision: "allow" }, link));
    expect(again).to.have.property("code", "CONFLICT");
  });

  it("knows a grant of one gateway at the others, and its end", async () => {
    const { approval } = await ask(at(0).service);
    await at(1).service.decide(approval.id, { decision: "allow", scope: "session" }, OWNER);
    const call = { tool: "Bash", input: { command: "ls" } };
    const granted = () => Promise.all(gateways.map(({ service }) => service.isGranted(session.id, call)));
    expect(await granted()).to.deep.equal([true, true, true]);
    const [grant] = (await at(2).service.grants({ sessionId: session.id, page: 1, limit: 10 })).grants;
    await at(2).service.revoke(grant?.id ?? "", OWNER);
    expect(await granted()).to.deep.equal([false, false, false]);
  });
});
