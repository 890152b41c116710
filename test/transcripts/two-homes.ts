import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type ScriptedModel, startScriptedModel } from "@claudeway/plugin-demo/model";
import type { AskedCall, CallAnswer, Claim, Ledger, NodeStart, Transcripts } from "@claudeway/ports";
import { findClaude } from "#engine-claude/executable.js";
import { openLedger } from "#ledger-sqlite/index.js";
import { cliEnvironment } from "../e2e/gateway.js";
import { type Ran, Stage, type StageParts } from "../engine-claude/stage.js";
import { newSession } from "../ledger/fixture.js";
import { temporaryFolder } from "../temporary.js";
import type { HomeEngine, HomeTurn } from "./home-engine.js";
import { HomeProcess } from "./home-process.js";

export interface HomeOptions {
  /** The name of its workdir. */
  readonly workdir?: string;
  readonly engine?: StageParts["options"];
  /** In place of the ledger's. */
  readonly transcripts?: Transcripts;
  /** True: nothing is stored for other nodes. */
  readonly alone?: boolean;
  /** True: the engine runs in a process of its own, which can be killed. */
  readonly apart?: boolean;
}

/** One ledger and one model, and nodes with configuration folders of their own. */
export class TwoHomes {
  private constructor(
    readonly ledger: Ledger,
    readonly model: ScriptedModel,
    readonly dir: string,
  ) {}

  /** With a ledger in SQLite, if none is given. */
  static async open(ledger?: Ledger): Promise<TwoHomes> {
    const dir = temporaryFolder("claudeway-homes-");
    return new TwoHomes(ledger ?? (await openLedger({ dataDir: dir })), await startScriptedModel(), dir);
  }

  readonly #homes: Home[] = [];

  async home(name: string, options: HomeOptions = {}): Promise<Home> {
    const start = await this.ledger.nodes.join({
      node: name,
      url: "http://x",
      configDigest: "x",
      version: "1",
    });
    const home = new Home(this, start, options);
    this.#homes.push(home);
    return home;
  }

  async session(): Promise<string> {
    const session = newSession();
    await this.ledger.sessions.create(session);
    return session.id;
  }

  async close(): Promise<void> {
    for (const home of this.#homes) await home.close();
    await this.ledger.close();
    await this.model.close();
  }
}

/** A node: its configuration folder, its claims, its engine. */
export class Home {
  readonly #claims = new Map<string, { readonly claim: Claim; readonly lost: AbortController }>();
  readonly engine: HomeEngine;
  readonly workdir: string;
  readonly env: Record<string, string>;
  readonly stage: Stage | undefined;

  constructor(
    private readonly homes: TwoHomes,
    readonly start: NodeStart,
    {
      workdir = "work",
      engine,
      transcripts = homes.ledger.transcripts,
      apart = false,
      alone = false,
    }: HomeOptions,
  ) {
    const folder = join(homes.dir, start.node);
    // As a shared volume: the same path at each node, unless another one is asked for.
    this.workdir = join(homes.dir, workdir);
    mkdirSync(this.workdir, { recursive: true });
    this.env = { ...cliEnvironment(homes.model, folder), PATH: process.env["PATH"] ?? "", IS_SANDBOX: "1" };
    const shared = { transcripts, held: (session: string) => this.#claims.get(session)?.claim };
    if (apart) {
      this.engine = new HomeProcess({ env: this.env, workdir: this.workdir, shared });
      return;
    }
    const stage = new Stage({
      program: claude(),
      env: this.env,
      workdir: this.workdir,
      options: { ...(!alone && { shared }), ...engine },
    });
    this.stage = stage;
    this.engine = {
      run: (prompt, more) => runOn(stage, prompt, more),
      release: (session) => stage.engine.release(session),
      close: () => stage.engine.close(),
    };
  }

  async claim(session: string): Promise<Claim> {
    const outcome = await this.homes.ledger.nodes.claim(this.start, session);
    if (typeof outcome === "string" || !("epoch" in outcome)) throw new Error(JSON.stringify(outcome));
    const lost = new AbortController();
    const claim = { sessionId: session, epoch: outcome.epoch, lost: lost.signal };
    this.#claims.set(session, { claim, lost });
    return claim;
  }

  /** As a clean handing over: process, then row. */
  async handOver(session: string): Promise<void> {
    await this.engine.release(session);
    const held = this.#claims.get(session);
    this.#claims.delete(session);
    if (held !== undefined) await this.homes.ledger.nodes.release(this.start, session, held.claim.epoch);
  }

  /** As another node does to one that died. */
  async bury(): Promise<void> {
    const found = (await this.homes.ledger.nodes.list()).find(({ node }) => node === this.start.node);
    if (found === undefined || !(await this.homes.ledger.nodes.bury({ ...this.start, beat: found.beat })))
      throw new Error(`${this.start.node} was not buried`);
  }

  /** The node learns that its claim is over. */
  lose(session: string): void {
    this.#claims.get(session)?.lost.abort();
    this.#claims.delete(session);
  }

  async close(): Promise<void> {
    await this.engine.close();
  }
}

/** The Claude CLI that comes with the Agent SDK. */
export function claude(): string {
  return findClaude(undefined, undefined).path;
}

export async function runOn(
  stage: Stage,
  prompt: string,
  { answer, totals, ...more }: HomeTurn,
): Promise<Ran> {
  const decider =
    answer === undefined
      ? undefined
      : {
          decide: async (call: AskedCall): Promise<CallAnswer> => {
            if (answer === "defer") await call.untilLast();
            return { answer };
          },
        };
  const mode = decider === undefined ? {} : ({ approvalMode: "ask", decider } as const);
  return stage.run(stage.turn(prompt, { ...more, ...mode, totals }));
}
