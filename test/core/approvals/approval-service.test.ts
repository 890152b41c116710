import { randomUUID } from "node:crypto";
import {
  type Approval,
  type ApprovalAuditLine,
  type AskTerms,
  type Decider,
  GatewayError,
  type Ledger,
  LedgerError,
} from "@claudeway/ports";
import { expect } from "chai";
import { pino } from "pino";
import { ApprovalService } from "#core/approvals/approval-service.js";
import { LinkSigner } from "#core/approvals/links.js";
import { fileSecrets } from "#core/one-node.js";
import { openLedger } from "#ledger-sqlite/sqlite-ledger.js";
import { eventually } from "../../e2e/poll.js";
import { createKernel, plugin } from "../../kernel/kit.js";
import { newFolder, newSession, newTurn, rejection, removeFolders } from "../../ledger/fixture.js";

const ADMIN: Decider = { channel: "admin", who: "root", keyId: "root", from: "127.0.0.1" };
const OWNER: Decider = { channel: "key", who: "ci", keyId: "ci", from: "127.0.0.1" };

describe("the approval service", () => {
  let ledger: Ledger;
  let approvalService: ApprovalService;
  let lines: ApprovalAuditLine[];
  const told: string[] = [];
  const session = newSession();

  before(async () => {
    ledger = await openLedger({ dataDir: newFolder() });
    await ledger.sessions.create(session);
    const { kernel } = createKernel();
    await kernel.enable({
      plugins: [
        plugin("rules", ({ hooks }) => {
          hooks.approve.tap("rules", ({ input }) =>
            input["command"] === "evil" ? { verdict: "deny", message: "evil" } : { verdict: "ask" },
          );
          hooks.approvalRequested.tap("told", ({ id, status }) => void told.push(`${id} ${status}`));
          hooks.approvalDecided.tap("told", ({ id, status }) => void told.push(`${id} ${status}`));
        }),
      ],
    });
    lines = [];
    approvalService = new ApprovalService({
      ledger,
      kernel,
      links: await LinkSigner.open(fileSecrets(newFolder())),
      log: pino({ level: "silent" }),
      audit: {
        approval: (line) => lines.push(line),
        turn: () => undefined,
        request: () => undefined,
        refused: () => undefined,
        latestTurns: async () => new Set<string>(),
        flush: async () => undefined,
        close: async () => undefined,
      },
    });
  });
  after(async () => {
    approvalService.close();
    await ledger.close();
    removeFolders();
  });

  async function ask(terms: AskTerms = {}, call: { tool?: string; input?: Approval["input"] } = {}) {
    const turn = newTurn(session);
    await ledger.turns.begin(turn, { epoch: 0 });
    const { tool = "Bash", input = { command: "ls" } } = call;
    return approvalService.ask(
      { toolUseId: `toolu_${randomUUID()}`, tool, input, workdir: "/work" },
      turn,
      terms,
    );
  }

  async function failure(promise: Promise<unknown>): Promise<GatewayError> {
    const error = await rejection(promise);
    if (!(error instanceof GatewayError)) throw error;
    return error;
  }

  it("records a request before it is announced", async () => {
    const { approval } = await ask();
    expect(await ledger.approvals.get(approval.id)).to.deep.equal(approval);
    expect(told).to.include(`${approval.id} pending`);
  });

  it("1,000 races of two deciders: one winner each, the other sees who it was", async () => {
    for (let round = 0; round < 1000; round++) {
      const { approval, settled } = await ask();
      const before = lines.length;
      const decisions = round % 2 === 0 ? (["allow", "deny"] as const) : (["deny", "allow"] as const);
      const results = await Promise.allSettled([
        approvalService.decide(approval.id, { decision: decisions[0] }, OWNER),
        approvalService.decide(approval.id, { decision: decisions[1] }, ADMIN),
      ]);
      const winners = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
      const losers = results.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
      expect(winners, `round ${round}`).to.have.length(1);
      const [winner] = winners;
      expect(losers[0]).to.be.instanceOf(GatewayError).and.have.property("code", "CONFLICT");
      expect(losers[0].message).to.include(`${winner?.status} by ${winner?.decision?.by.channel}`);
      expect(await settled).to.deep.equal(winner);
      expect(await approvalService.get(approval.id)).to.deep.equal(winner);
      expect(lines.length - before).to.equal(1);
      expect(told.filter((line) => line.startsWith(approval.id))).to.have.length(2);
    }
  });

  it("accepts decisions only from the owner, the admin and configured channels", async () => {
    const { approval } = await ask({ deciders: ["admin", "telegram"] });
    const other: Decider = { channel: "key", who: "eve", keyId: "eve" };
    expect((await failure(approvalService.decide(approval.id, { decision: "allow" }, other))).code).to.equal(
      "NOT_FOUND",
    );
    expect((await failure(approvalService.decide(approval.id, { decision: "allow" }, OWNER))).code).to.equal(
      "FORBIDDEN",
    );
    const link: Decider = { channel: "link", who: "link" };
    expect((await failure(approvalService.decide(approval.id, { decision: "allow" }, link))).code).to.equal(
      "FORBIDDEN",
    );
    const telegram: Decider = { channel: "telegram", who: "@ann", from: "chat 7" };
    expect((await approvalService.decide(approval.id, { decision: "allow" }, telegram)).status).to.equal(
      "allowed",
    );
    const { approval: own } = await ask({ deciders: ["key"] });
    expect((await failure(approvalService.decide(own.id, { decision: "allow" }, ADMIN))).code).to.equal(
      "FORBIDDEN",
    );
    expect(
      (await approvalService.decide(own.id, { decision: "allow" }, { ...ADMIN, keyId: "ci" })).status,
    ).to.equal("allowed");
  });

  it("accepts a changed input unless a rule denies it, and grants the input that ran", async () => {
    const { approval } = await ask();
    const evil = { decision: "allow", updatedInput: { command: "evil" } } as const;
    expect((await failure(approvalService.decide(approval.id, evil, OWNER))).code).to.equal("FORBIDDEN");
    expect((await approvalService.get(approval.id))?.status).to.equal("pending");
    const changed = { decision: "allow", updatedInput: { command: "ls -l" }, scope: "session" } as const;
    await approvalService.decide(approval.id, changed, OWNER);
    const granted = (command: string) =>
      approvalService.isGranted(session.id, { tool: "Bash", input: { command } });
    expect([await granted("ls -l"), await granted("ls")]).to.deep.equal([true, false]);
    const [grant] = (await approvalService.grants({ keyId: "ci", page: 1, limit: 10 })).grants;
    await approvalService.revoke(grant?.id ?? "", OWNER);
    expect(await granted("ls -l")).to.equal(false);
  });

  it("refuses inconsistent decisions", async () => {
    const { approval } = await ask();
    for (const decision of [
      { decision: "deny", updatedInput: {} },
      { decision: "deny", scope: "session" },
      { decision: "allow", message: "fine" },
    ] as const) {
      expect((await failure(approvalService.decide(approval.id, decision, OWNER))).code).to.equal(
        "BAD_REQUEST",
      );
    }
    expect((await approvalService.get(approval.id))?.status).to.equal("pending");
  });

  it("expires a request by its timer, and refuses later decisions", async () => {
    const { approval, settled } = await ask({ expiresSecs: 0.15 });
    const longer = await ask({ expiresSecs: 60 });
    expect((await settled).status).to.equal("expired");
    expect((await failure(approvalService.decide(approval.id, { decision: "allow" }, OWNER))).code).to.equal(
      "CONFLICT",
    );
    expect((await approvalService.get(longer.approval.id))?.status).to.equal("pending");
  });

  it("refuses a late decision even before the timer has fired", async () => {
    const { approval } = await ask({ expiresSecs: 0 });
    expect((await failure(approvalService.decide(approval.id, { decision: "allow" }, OWNER))).code).to.equal(
      "CONFLICT",
    );
    expect((await approvalService.get(approval.id))?.status).to.equal("expired");
  });

  for (const lost of ["settle", "get"] as const)
    it(`tells everyone of what it settled once the ledger answers again (${lost})`, async () => {
      const { approval, settled } = await ask();
      const { approvals } = ledger;
      const { settle, get } = approvals;
      const away = () => Promise.reject(new LedgerError("ledger: away", {}, true));
      approvals.settle = async (...settling) => {
        const isFirst = await settle(...settling);
        approvals.settle = settle;
        if (lost === "settle") return away();
        approvals.get = () => {
          approvals.get = get;
          return away();
        };
        return isFirst;
      };
      const heard: Approval[] = [];
      approvalService.onSettled((one) => void heard.push(one));
      const decided = approvalService.decide(approval.id, { decision: "allow" }, OWNER);
      expect(await rejection(decided)).to.be.instanceOf(LedgerError);
      expect((await settled).status).to.equal("allowed");
      expect(heard).to.deep.equal([await approvalService.get(approval.id)]);
      expect(lines.filter(({ approval_id }) => approval_id === approval.id)).to.have.length(1);
      expect(told.filter((line) => line.startsWith(approval.id))).to.have.length(2);
    });

  it("says nothing of what it could not settle, and once of what is settled after that", async () => {
    const { approval, settled } = await ask();
    const { approvals } = ledger;
    const { settle, get } = approvals;
    approvals.settle = () => Promise.reject(new LedgerError("ledger: away", {}, true));
    let looks = 0;
    approvals.get = (id) => {
      looks += 1;
      return get(id);
    };
    const deny = () => approvalService.decide(approval.id, { decision: "deny" }, OWNER);
    await rejection(deny());
    approvals.settle = settle;
    await eventually("it is looked for", () => looks > 1);
    approvals.get = get;
    expect(lines.filter(({ approval_id }) => approval_id === approval.id)).to.have.length(0);
    await deny();
    expect((await settled).status).to.equal("denied");
    expect(lines.filter(({ approval_id }) => approval_id === approval.id)).to.have.length(1);
  });

  it("revokes a grant only for its owner and the admin", async () => {
    const allow = { decision: "allow", scope: "session" } as const;
    const { approval } = await ask();
    await approvalService.decide(approval.id, allow, OWNER);
    const [grant] = (await approvalService.grants({ keyId: "ci", page: 1, limit: 10 })).grants;
    const id = grant?.id ?? "";
    const other = { channel: "key", who: "other", keyId: "other" };
    expect((await failure(approvalService.revoke(id, other))).code).to.equal("NOT_FOUND");
    expect((await approvalService.revoke(id, ADMIN)).revokedAt).to.be.a("string");
    expect((await failure(approvalService.revoke(id, OWNER))).code).to.equal("NOT_FOUND");
  });

  it("withdraws a request unless it was decided first", async () => {
    const one = await ask();
    expect((await approvalService.withdraw(one.approval.id)).status).to.equal("withdrawn");
    expect(
      (await failure(approvalService.decide(one.approval.id, { decision: "allow" }, OWNER))).code,
    ).to.equal("CONFLICT");
    const two = await ask();
    await approvalService.decide(two.approval.id, { decision: "allow" }, OWNER);
    expect((await approvalService.withdraw(two.approval.id)).status).to.equal("allowed");
    expect((await approvalService.expire(two.approval.id)).status).to.equal("allowed");
  });

  it("lists by key and status, newest first", async () => {
    const mine = await approvalService.list({ keyId: "ci", status: "withdrawn", page: 1, limit: 1 });
    expect(mine.total).to.equal(1);
    expect((await approvalService.list({ keyId: "nobody", page: 1, limit: 1 })).total).to.equal(0);
    const { approval } = await ask();
    expect((await approvalService.list({ page: 1, limit: 1 })).approvals[0]?.id).to.equal(approval.id);
  });
});
