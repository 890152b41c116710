import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VERSION } from "@claudeway/config";
import type { KernelLimits, PluginStatus, ReloadReport } from "@claudeway/core/host";
import { boot, KnownSecrets, openLog, type RunningGateway, selectionOf } from "@claudeway/core/host";
import type { EngineSource } from "@claudeway/core/ports";
import { claudeSource } from "@claudeway/engine-claude";
import { openAudit, openLedger } from "@claudeway/ledger-sqlite";
import type { Session, TurnResponse } from "@claudeway/schemas";
import { TestApprovals } from "./approvals.js";
import { MovableClock } from "./clock.js";
import { LeakError, type Leftover, Leftovers, registeredBy } from "./leftovers.js";
import { type LogLine, LogLines } from "./log-lines.js";
import { type FetchOptions, Requests, type TurnOptions } from "./requests.js";
import type { Script, ScriptedTurn } from "./script.js";
import { ScriptedEngine } from "./scripted-engine.js";
import type { StreamEvent } from "./server-events.js";
import { type NewSession, TestSession } from "./session.js";
import { choosePlugins, configOf, secretsFor, selectionWith, type TestPlugin } from "./setup.js";

/** How many lines of the log are kept. */
const LOG_LINES = 2000;

export interface TestGatewayOptions {
  /** Plugins to switch on, in this order, after those that `config` switches on. */
  readonly plugins?: readonly TestPlugin[];
  /** As in claudeway.toml, parsed: `{ plugins: { approval: { enabled: true } } }`. Port, folders and keys need none. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** What runs the turns: `scripted` (unless said otherwise) plays `replies` in memory; `claude` is the real CLI. */
  readonly engine?: "scripted" | "claude";
  /** What the scripted engine does with a prompt; unless given, it answers `You said: …`. */
  readonly replies?: string | Script;
  /**
   * What the real CLI has in its environment beside the test's own: with a scripted model, `ANTHROPIC_BASE_URL`,
   * `ANTHROPIC_API_KEY`, and a `CLAUDE_CONFIG_DIR` to itself.
   */
  readonly claude?: { readonly env: Readonly<Record<string, string>> };
  /** Key ids; the first is the admin's. `["admin", "user"]` unless given. */
  readonly keys?: readonly string[];
  /** What `${NAME}` in the configuration stands for. */
  readonly env?: Readonly<Record<string, string>>;
  /** Where the paths of plugins count from; by default the process's own folder. */
  readonly cwd?: string;
  /** Deadlines of plugins, in ms, where a test can't wait for the usual ones: `{ tapMs: 50 }`. */
  readonly limits?: Partial<KernelLimits>;
  /**
   * True: `advance` moves the time. `Date`, `performance.now` and the timers are the gateway's for the whole process, until
   * it is closed; they go as ever between two moves.
   */
  readonly controlTime?: boolean;
  /**
   * Whether what plugins leave behind is noted, and `close` rejects for it. On unless it is false: for measurements, since
   * it makes everything slower.
   */
  readonly checkLeaks?: boolean;
}

/**
 * Starts a gateway for a test: the whole of it, on a free port of this machine, with a ledger in a folder of its own.
 * Rejects with the one line that the command would end with: a plugin that does not start, a configuration that is wrong.
 */
export async function createTestGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const clock = options.controlTime === true ? MovableClock.install() : undefined;
  const dir = mkdtempSync(join(tmpdir(), "claudeway-test-"));
  try {
    return new TestGateway({ ...(await open(options, dir)), clock });
  } catch (error) {
    clock?.uninstall();
    rmSync(dir, { recursive: true, force: true });
    throw error;
  }
}

interface OpenGateway {
  readonly running: RunningGateway;
  readonly engine: ScriptedEngine | undefined;
  readonly log: LogLines;
  readonly leftovers: Leftovers | undefined;
  readonly clock: MovableClock | undefined;
  readonly keys: Readonly<Record<string, string>>;
  readonly dir: string;
  /** Where the paths of plugins count from. */
  readonly cwd: string;
  /** Takes effect when the configuration is read again. */
  readonly setConfig: (config: Readonly<Record<string, unknown>>) => void;
}

async function open(options: TestGatewayOptions, dir: string): Promise<Omit<OpenGateway, "clock">> {
  const { plugins = [], cwd = process.cwd(), env = {}, engine: kind = "scripted", limits } = options;
  const { sources, sections } = await choosePlugins(plugins, cwd);
  const secrets = secretsFor(options.keys ?? ["admin", "user"]);
  let { config = {} } = options;
  const read = () => configOf({ config, sections, keys: secrets, env, dir });
  const loaded = read();
  const known = new KnownSecrets(loaded);
  const log = new LogLines(LOG_LINES);
  const leftovers = options.checkLeaks === false ? undefined : new Leftovers();
  const engine = kind === "scripted" ? new ScriptedEngine(options.replies) : undefined;
  const running = await boot({
    loaded,
    secrets: known,
    read,
    version: VERSION,
    env: { ...process.env, ...(engine === undefined ? options.claude?.env : SCRIPTED_ENV) },
    cwd,
    log: openLog(loaded.config.log_level, known, log),
    selection: (now) => selectionWith(selectionOf(now), sources),
    distribution: {
      findEngine: engine === undefined ? claudeSource : async () => sourceOf(engine),
      openLedger,
      openAudit,
    },
    kernel: {
      ...(limits !== undefined && { limits }),
      ...(leftovers !== undefined && { watch: leftovers }),
    },
  }).catch((error: unknown) => {
    leftovers?.close();
    throw error;
  });
  const keys = Object.fromEntries(loaded.keys.map(({ id, secret }) => [id, secret]));
  const setConfig = (now: Readonly<Record<string, unknown>>) => {
    config = now;
  };
  return { running, engine, log, leftovers, keys, dir, cwd, setConfig };
}

/** Where nothing runs, root may do without permissions as everybody else may. */
const SCRIPTED_ENV = { IS_SANDBOX: "1" };

function sourceOf(engine: ScriptedEngine): EngineSource {
  return {
    claude: { path: "claude", origin: "configured", version: "0.0.0 (scripted)" },
    open: () => engine,
    endLeftovers: async () => {},
    totalsAfterLoss: () => ({ bases: [] }),
    usageAfterLoss: (recorded) => recorded,
  };
}

/** A gateway that listens, and what a test needs of it. */
export class TestGateway {
  /** Decides what waits for a person. */
  readonly approvals: TestApprovals;
  /** The folder that all of it is in: `work`, `logs` and `data`. Gone when the gateway is closed. */
  readonly dir: string;
  /** Secrets by key id. */
  readonly keys: Readonly<Record<string, string>>;
  readonly #gateway: OpenGateway;
  readonly #requests: Requests;
  #closed: Promise<void> | undefined;

  /** See `createTestGateway`. */
  constructor(gateway: OpenGateway) {
    this.#gateway = gateway;
    this.dir = gateway.dir;
    this.keys = gateway.keys;
    this.approvals = new TestApprovals(gateway.running.approvals);
    this.#requests = new Requests(gateway.running.address.url, gateway.keys);
  }

  /** `http://127.0.0.1:<port>`. */
  get url(): string {
    return this.#requests.url;
  }

  /** The last 2000 lines of the operator's log, `debug` and above. */
  get logs(): readonly LogLine[] {
    return this.#gateway.log.lines;
  }

  /** The last 1000 turns as they reached the scripted engine; empty with the real one. */
  get ran(): readonly ScriptedTurn[] {
    return this.#gateway.engine?.ran ?? [];
  }

  /** The answer of any route, whatever its status. */
  fetch(path: string, options?: FetchOptions): Promise<Response> {
    return this.#requests.fetch(path, options);
  }

  /**
   * Sends a prompt and waits for the turn's answer: also that of a turn that failed or parked, `success` tells. Rejects
   * with a `RequestError` where a status says that there is none: a plugin refused it (403), it took too long (408).
   */
  turn(prompt: string, options?: TurnOptions): Promise<TurnResponse> {
    return this.#requests.turn(prompt, options);
  }

  /**
   * Sends a prompt and gives the turn's events as they come, to `done`; leaving the loop early interrupts the turn.
   * Rejects with a `RequestError` where the request is refused. A turn that is refused, by a tap on `beforeExecute` say,
   * has begun its stream by then: its `done` says so in `error` and `code`.
   */
  stream(prompt: string, options?: TurnOptions): AsyncGenerator<StreamEvent, void> {
    return this.#requests.stream(prompt, options);
  }

  /** Begins a session. */
  async session({ key, ...body }: NewSession = {}): Promise<TestSession> {
    const session = await this.#requests.json<Pick<Session, "session_id" | "workdir">>("/session/start", {
      body,
      key,
    });
    return new TestSession(this.#requests, session, key);
  }

  /** Every plugin that has been on, with its state, faults and time spent. */
  plugins(): readonly PluginStatus[] {
    return this.#gateway.running.control.plugins();
  }

  /** Switches a plugin on: with the section that is given here, or that it has in the configuration. Rejects with one line. */
  async enable(plugin: TestPlugin): Promise<void> {
    const { running, cwd } = this.#gateway;
    const { sources, sections } = await choosePlugins([plugin], cwd);
    const given = Object.keys(sections).length > 0 ? sections : undefined;
    for (const source of sources) await running.control.enable(source, given);
  }

  /** Switches a plugin off, by its own name. */
  disable(name: string): Promise<void> {
    return this.#gateway.running.control.disable(name);
  }

  /**
   * Puts another configuration in the place of the one that it was started with, as SIGHUP does. Rejects with one line
   * where it is wrong, and changes nothing.
   */
  reload(config: Readonly<Record<string, unknown>>): Promise<ReloadReport> {
    this.#gateway.setConfig(config);
    return this.#gateway.running.control.reload();
  }

  /**
   * Moves the time forward by `ms`: what expires, waits, idles or is late in that time does so, the gateway's and the
   * plugins', in its order. Takes `controlTime`.
   */
  async advance(ms: number): Promise<void> {
    const { clock } = this.#gateway;
    if (clock === undefined)
      throw new Error("advance requires a gateway that was created with controlTime: true");
    await clock.advance(ms);
  }

  /**
   * What plugins that are off have left behind: timers, sockets, children, watchers, with the place in the code that made
   * them; taps and routes that still are there. What has been told to end has half a second for it.
   */
  async leaks(): Promise<readonly Leftover[]> {
    const { running, leftovers } = this.#gateway;
    return [...registeredBy(running.kernel), ...((await leftovers?.list()) ?? [])];
  }

  /**
   * Ends the turns that run, switches the plugins off, closes the port, and removes the folder. Rejects with a `LeakError`
   * where a plugin left something behind.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const { running, dir, leftovers, clock } = this.#gateway;
    await running.close();
    const leaks = await this.leaks();
    leftovers?.close();
    clock?.uninstall();
    rmSync(dir, { recursive: true, force: true });
    if (leaks.length > 0) throw new LeakError(leaks);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
