import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Kernel, type PluginSource } from "@claudeway/kernel";
import { openAudit, openLedger } from "@claudeway/ledger-sqlite";
import type { Claim, IdempotencyClaim, Ledger, NodeRecord, Ownership, Place } from "@claudeway/ports";
import { AccountLimits } from "@claudeway/scheduling";
import { pino } from "pino";
import { Passing } from "#cluster/passing/index.js";
import { ApprovalService } from "#core/approvals/approval-service.js";
import { LinkSigner } from "#core/approvals/links.js";
import { OWN_PREFIXES } from "#core/boot.js";
import { workdirLimits } from "#core/folders.js";
import { Gateway } from "#core/gateway.js";
import { createPluginServices } from "#core/offers.js";
import { fileSecrets } from "#core/one-node.js";
import type { Script } from "#testing/script.js";
import { ScriptedEngine } from "#testing/scripted-engine.js";
import { configOf } from "#testing/setup.js";
import { temporaryFolder } from "../../temporary.js";
import { ownershipFrom } from "./kit.js";

export const KEYS = { admin: "sk-admin-0123456789abcdef", bob: "sk-bob-0123456789abcdef" };
const NODES = ["owner", "other"] as const;
export type NodeName = (typeof NODES)[number];

/** A whole gateway with a scripted engine. */
export interface OneOfTwo {
  readonly name: NodeName;
  readonly url: string;
  readonly gateway: Gateway;
  readonly engine: ScriptedEngine;
  readonly kernel: Kernel;
}

/** Two gateways in this process on one ledger; a map says whose the sessions are. */
export class TwoGateways {
  readonly owners = new Map<string, NodeName>();
  readonly records = new Map<string, NodeRecord>();
  /** The looks for used and new keys. */
  readonly claims: IdempotencyClaim[] = [];
  /** Awaited by each look for a key. */
  claiming: () => Promise<unknown> = async () => undefined;
  readonly #claimed = new Map<string, NodeName>();

  private constructor(
    readonly ledger: Ledger,
    readonly dir: string,
    private readonly opened: Map<NodeName, OneOfTwo & { readonly close: () => Promise<void> }>,
  ) {}

  static async start({
    script,
    plugins = [],
    config = {},
  }: {
    readonly script?: Script;
    readonly plugins?: readonly PluginSource[];
    readonly config?: Readonly<Record<string, unknown>>;
  }): Promise<TwoGateways> {
    const dir = temporaryFolder("claudeway-two-");
    for (const folder of ["work", "logs", "data"]) mkdirSync(join(dir, folder));
    const two = new TwoGateways(await openLedger({ dataDir: join(dir, "data") }), dir, new Map());
    for (const name of NODES) await two.#add(name, dir, config, script, plugins);
    return two;
  }

  get owner(): OneOfTwo {
    return this.#get("owner");
  }

  get other(): OneOfTwo {
    return this.#get("other");
  }

  #get(name: NodeName): OneOfTwo {
    const found = this.opened.get(name);
    if (found === undefined) throw new Error(`no node ${name}`);
    return found;
  }

  async #add(
    name: NodeName,
    dir: string,
    config: Readonly<Record<string, unknown>>,
    script: Script | undefined,
    plugins: readonly PluginSource[],
  ): Promise<void> {
    const ledger = this.#ledgerOf(name);
    const log = pino({ level: "silent" });
    const loaded = configOf({ config, sections: {}, keys: KEYS, env: {}, dir });
    const kernel = new Kernel({ log, cwd: dir, reservedPrefixes: OWN_PREFIXES });
    const engine = new ScriptedEngine(script);
    const audit = openAudit({ dir: join(dir, "logs"), log });
    const approvalService = new ApprovalService({
      ledger,
      kernel,
      audit,
      links: await LinkSigner.open(fileSecrets(join(dir, "data"))),
      log,
      shared: true,
    });
    const ownership = this.#ownershipOf(name);
    const passing = new Passing({
      secret: "the secret of both nodes",
      ownership,
      self: () => ({ node: name, incarnation: 1 }),
      isOf: async () => true,
      others: () => [...this.records.values()].filter(({ node }) => node !== name),
    });
    const gateway = new Gateway(
      {
        version: "0.1.0",
        loaded,
        spawn: (workdir) => ({ command: "claude", args: [], env: {}, cwd: workdir, options: {} }),
        accounts: new AccountLimits(() => []),
        approvalMode: () => (kernel.approving === "now" ? "ask" : "bypass"),
        workdirs: workdirLimits(loaded, {}),
      },
      { kernel, engine, ledger, ownership, audit, approvalService, log, passing },
    );
    const { services } = gateway;
    kernel.offer(
      createPluginServices({
        ledger,
        ...services,
        control: undefined as never,
        approvals: approvalService,
        passing,
        fields: kernel.requestFields,
        dataDir: join(dir, "data"),
        warn: () => undefined,
        describeKey: async (known) => known,
        marker: "",
        shared: true,
        singletons: { lead: async () => undefined },
        redact: (json) => json,
      }),
    );
    await kernel.enable({ plugins, sections: {} });
    const { url } = await gateway.listen();
    this.records.set(name, recordOf(name, url));
    const close = async () => {
      await gateway.close();
      passing.close();
      await kernel.close();
      await engine.close();
      approvalService.close();
      await audit.close();
    };
    this.opened.set(name, { name, url, gateway, engine, kernel, close });
  }

  /** The session of a one-shot task is the node's that runs it. */
  #runs(sessionId: string): NodeName | undefined {
    const nodes = [...this.opened.values()];
    return nodes.find(({ gateway }) => gateway.services.turns.ofSession(sessionId).length > 0)?.name;
  }

  /** The ledger as a node has it: it says which node claimed a key. */
  #ledgerOf(node: NodeName): Ledger {
    const { idempotency, ...books } = this.ledger;
    const claim: Ledger["idempotency"]["claim"] = async (claimed) => {
      await this.claiming();
      const answer = await idempotency.claim(claimed);
      this.claims.push(claimed);
      if (answer === "new") this.#claimed.set(claimed.turnId, node);
      if (typeof answer === "string") return answer;
      const by = this.#claimed.get(answer.turnId);
      return { ...answer, ...(by !== undefined && { by: { node: by, incarnation: 1 } }) };
    };
    return {
      ...books,
      checkFile: () => this.ledger.checkFile(),
      close: async () => undefined,
      idempotency: {
        claim,
        release: (one) => idempotency.release(one),
        redirect: (one, turnId) => idempotency.redirect(one, turnId),
      },
    };
  }

  #ownershipOf(name: NodeName): Ownership {
    const place = (sessionId: string): Place | undefined => {
      const owner = this.owners.get(sessionId) ?? this.#runs(sessionId);
      if (owner === undefined) return undefined;
      if (owner === name) return { at: "here", claim: claimOf(sessionId) };
      const node = this.records.get(owner);
      return node === undefined ? { at: "away", node: owner } : { at: "elsewhere", node };
    };
    return ownershipFrom({ name, owners: this.owners, place, claimOf });
  }

  /** Begins a session at a node. */
  async session(at: NodeName = "owner"): Promise<string> {
    const { body } = await this.post("/session/start", {}, this.#get(at));
    const id = String(body["session_id"]);
    this.owners.set(id, at);
    return id;
  }

  fetch(path: string, init: RequestInit = {}, { url } = this.other): Promise<Response> {
    return fetch(url + path, {
      ...init,
      headers: { authorization: `Bearer ${KEYS.bob}`, ...init.headers },
    });
  }

  async post(
    path: string,
    body: object,
    node = this.other,
    headers: Record<string, string> = {},
  ): Promise<{ readonly status: number; readonly body: Record<string, unknown>; readonly headers: Headers }> {
    const response = await this.fetch(
      path,
      {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify(body),
      },
      node,
    );
    return { status: response.status, body: JSON.parse(await response.text()), headers: response.headers };
  }

  async get(path: string, node = this.other): Promise<Record<string, unknown>> {
    return JSON.parse(await (await this.fetch(path, {}, node)).text());
  }

  async close(): Promise<void> {
    for (const { close } of this.opened.values()) await close();
    await this.ledger.close();
  }
}

function recordOf(node: string, url: string): NodeRecord {
  const load = { running: 0, queued: 0, processes: 0 };
  return {
    node,
    incarnation: 1,
    url,
    ...load,
    configDigest: "",
    version: "0.1.0",
    beat: 1,
    state: "up",
    joinedAt: "",
  };
}

function claimOf(sessionId: string): Claim {
  return { sessionId, epoch: 0, lost: new AbortController().signal };
}
