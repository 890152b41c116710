import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Kernel } from "@claudeway/kernel";
import { openAudit, openLedger } from "@claudeway/ledger-sqlite";
import type { ApprovalMode, AuditLog, Engine, Ledger, Ownership } from "@claudeway/ports";
import { AccountLimits } from "@claudeway/scheduling";
import { pino } from "pino";
import { ApprovalService } from "#core/approvals/approval-service.js";
import { LinkSigner } from "#core/approvals/links.js";
import { OWN_PREFIXES } from "#core/boot.js";
import { workdirLimits } from "#core/folders.js";
import { fileSecrets } from "#core/one-node.js";
import { Services } from "#core/services.js";
import type { Turn } from "#core/turns/turn.js";
import { configOf } from "#testing/setup.js";
import { temporaryFolder } from "../../temporary.js";

export const log = pino({ level: "silent" });
export const CALLER = { keyId: "admin", admin: false };
export const PROMPT = {
  prompt: "x",
  timeout_secs: 60,
  verbatim: false,
  detach: false,
  stream: "text" as const,
};

/** A ledger and an audit log, and gateways without HTTP that work on them. */
export class ServicesKit {
  /** Of the gateway that was started last. */
  kernel: Kernel | undefined;
  /** Of the turns of all gateways. */
  approvalMode: ApprovalMode = "bypass";
  readonly #closers: (() => Promise<void>)[] = [];

  private constructor(
    readonly dir: string,
    readonly ledger: Ledger,
    readonly audit: AuditLog,
  ) {}

  static async open(): Promise<ServicesKit> {
    const dir = temporaryFolder("claudeway-services-");
    for (const folder of ["work", "logs", "data"]) mkdirSync(join(dir, folder));
    const ledger = await openLedger({ dataDir: join(dir, "data") });
    return new ServicesKit(dir, ledger, openAudit({ dir: join(dir, "logs"), log }));
  }

  /** Starts a gateway. `accounts`: those of every key. */
  async start(
    ownership: Ownership,
    engine: Engine,
    accounts: readonly string[] = [],
    config: Readonly<Record<string, unknown>> = {},
  ): Promise<Services> {
    const { dir, ledger, audit } = this;
    const loaded = configOf({ config, sections: {}, keys: { admin: "sk-0123456789" }, env: {}, dir });
    const kernel = new Kernel({ log, cwd: dir, reservedPrefixes: OWN_PREFIXES });
    this.kernel = kernel;
    const links = await LinkSigner.open(fileSecrets(join(dir, "data")));
    const approvalService = new ApprovalService({ ledger, kernel, audit, links, log, shared: true });
    const limits = new AccountLimits(() => accounts);
    const services = new Services(
      {
        version: "0.0.0",
        loaded,
        spawn: (cwd, keyId, account = limits.choose(keyId)) => {
          const plan = { command: "claude", args: [], env: {}, cwd, options: {} };
          return account === undefined ? plan : { ...plan, account: account.name };
        },
        accounts: limits,
        approvalMode: () => this.approvalMode,
        workdirs: workdirLimits(loaded, {}),
      },
      { kernel, engine, ledger, ownership, audit, approvalService, log },
    );
    this.#closers.push(async () => {
      services.closeTurns();
      services.turns.stopAll("shutdown");
      await services.turns.drained();
      approvalService.close();
      await kernel.close();
    });
    return services;
  }

  /** Ends the gateways, then what they work on. */
  async close(): Promise<void> {
    for (const close of this.#closers.splice(0)) await close();
    await this.audit.close();
    await this.ledger.close();
  }
}

/** A new session of a gateway. */
export async function newSessionOf({ sessions }: Services): Promise<string> {
  return (await sessions.start(CALLER, { model: "sonnet" })).id;
}

export function promptIn(
  { sessions }: Services,
  id: string,
  text: string,
  more: { readonly on_limit?: "wait" } = {},
): Promise<Turn> {
  const request = { ...PROMPT, ...more, prompt: text, restart_conversation: false, withdraw_pending: false };
  return sessions.prompt(CALLER, id, request, crypto.randomUUID());
}
