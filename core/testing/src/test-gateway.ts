import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VERSION } from "@claudeway/config";
import { boot, KnownSecrets, openLog, type RunningGateway, selectionOf } from "@claudeway/core/host";
import { claudeSource } from "@claudeway/engine-claude";
import type { KernelLimits, PluginStatus, ReloadReport } from "@claudeway/kernel";
import { openAudit, openLedger } from "@claudeway/ledger-sqlite";
import type { EngineSource } from "@claudeway/ports";
import type { Session, TurnResponse } from "@claudeway/schemas";
import { TestApprovals } from "./approvals.js";
import { MovableClock } from "./clock.js";
import { LeakError, type Leftover, Leftovers, registeredBy } from "./leftovers.js";
import { type LogLine, LogLines } from "./log-lines.js";
import { bodyOf, type FetchOptions, Requests, type TurnOptions } from "./requests.js";
import type { Script, ScriptedTurn } from "./script.js";
import { ScriptedEngine } from "./scripted-engine.js";
import type { StreamEvent } from "./server-events.js";
import { type NewSession, TestSession } from "./session.js";
import {
  choosePlugins,
  configOf,
  declarationsOf,
  secretsFor,
  selectionWith,
  type TestPlugin,
} from "./setup.js";

/** The number of log lines that are kept. */
const LOG_LINES = 2000;

export interface TestGatewayOptions {
  /** Plugins to enable, in this order, after those that `config` enables. */
  readonly plugins?: readonly TestPlugin[];
  /**
   * The parsed content of a claudeway.toml: `{ plugins: { approval: { enabled: true } } }`. Port, folders and keys are
   * set.
   */
  readonly config?: Readonly<Record<string, unknown>>;
  /** The engine: `scripted` (the default) plays `replies` in memory; `claude` is the real CLI. */
  readonly engine?: "scripted" | "claude";
  /** The script of the scripted engine; by default it answers `You said: …`. */
  readonly replies?: string | Script;
  /**
   * Variables for the real CLI, in addition to the test's environment: with a scripted model `ANTHROPIC_BASE_URL`,
   * `ANTHROPIC_API_KEY` and its own `CLAUDE_CONFIG_DIR`.
   */
  readonly claude?: { readonly env: Readonly<Record<string, string>> };
  /** Key ids; the first is the admin's. Default: `["admin", "user"]`. */
  readonly keys?: readonly string[];
  /** The values of `${NAME}` in the configuration, and the variables of plugins' settings (`x-env`). */
  readonly env?: Readonly<Record<string, string>>;
  /** The directory that relative paths of plugins start from; by default the process's own. */
  readonly cwd?: string;
  /**
   * The parent of the gateway's folders, for tests whose gateway is in a process that is killed: the next one continues on
   * its data. It must exist, and is not removed. By default a new folder.
   */
  readonly dir?: string;
  /** Deadlines of plugins, in ms, for tests that need shorter ones: `{ tapMs: 50 }`. */
  readonly limits?: Partial<KernelLimits>;
  /**
   * True to allow `advance`. It replaces `Date`, `performance.now` and the timer functions of the whole process until
   * the gateway is closed; time runs normally between advances.
   */
  readonly controlTime?: boolean;
  /**
   * Whether leaks of plugins are tracked and make `close` reject. Default: true. Set it to false for measurements,
   * because tracking is slow.
   */
  readonly checkLeaks?: boolean;
}

/** What may differ after a restart. The engine's kind, keys and the clock stay. */
export type TestGatewayRestart = Omit<TestGatewayOptions, "engine" | "keys" | "controlTime" | "dir">;

/**
 * Starts a complete gateway for a test, on a free port of this machine, with a ledger in a temporary folder. Rejects
 * with the error line of the command, for instance if a plugin does not start or the configuration is invalid.
 */
export async function createTestGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const clock = options.controlTime === true ? MovableClock.install() : undefined;
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), "claudeway-test-"));
  try {
    const keys = secretsFor(options.keys ?? ["admin", "user"]);
    return new TestGateway(await open(options, { dir, keys }), { options, dir, keys, clock });
  } catch (error) {
    clock?.uninstall();
    if (options.dir === undefined) rmSync(dir, { recursive: true, force: true });
    throw error;
  }
}

/** What a gateway keeps when it is restarted. */
interface Kept {
  readonly options: TestGatewayOptions;
  readonly dir: string;
  /** The secrets by key id. */
  readonly keys: Readonly<Record<string, string>>;
  readonly clock: MovableClock | undefined;
}

interface OpenGateway {
  readonly running: RunningGateway;
  readonly engine: ScriptedEngine | undefined;
  readonly log: LogLines;
  readonly leftovers: Leftovers | undefined;
  readonly keys: Readonly<Record<string, string>>;
  /** The directory that relative paths of plugins start from. */
  readonly cwd: string;
  /** Takes effect on a reload of the configuration. */
  readonly setConfig: (config: Readonly<Record<string, unknown>>) => void;
}

async function open(
  options: TestGatewayOptions,
  { dir, keys: secrets }: Pick<Kept, "dir" | "keys">,
): Promise<OpenGateway> {
  const { plugins = [], cwd = process.cwd(), env = {}, engine: kind = "scripted", limits } = options;
  const { sources, sections } = await choosePlugins(plugins, cwd);
  let { config = {} } = options;
  const declarations = declarationsOf(sources, cwd);
  const read = () => configOf({ config, sections, keys: secrets, env, declarations, dir });
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
  return { running, engine, log, leftovers, keys, cwd, setConfig };
}

/** Nothing is executed here, so root may use the bypass too. */
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

/** A running gateway, with the interface for tests. */
export class TestGateway {
  /** The parent of `work`, `logs` and `data`. Removed when the gateway is closed. */
  readonly dir: string;
  /** The secrets by key id. */
  readonly keys: Readonly<Record<string, string>>;
  readonly #kept: Kept;
  #gateway: OpenGateway;
  readonly #requests: Requests;
  #isOpen = true;
  #closed: Promise<void> | undefined;

  /** See `createTestGateway`. */
  constructor(gateway: OpenGateway, kept: Kept) {
    this.#gateway = gateway;
    this.#kept = kept;
    this.dir = kept.dir;
    this.keys = gateway.keys;
    this.#requests = new Requests(gateway.running.address.url, gateway.keys);
  }

  /** Decides pending calls. */
  get approvals(): TestApprovals {
    return new TestApprovals(this.#gateway.running.approvals);
  }

  /** `http://127.0.0.1:<port>`. */
  get url(): string {
    return this.#requests.url;
  }

  /** The last 2000 lines of the operator's log, at `debug` and above. */
  get logs(): readonly LogLine[] {
    return this.#gateway.log.lines;
  }

  /** The last 1000 turns as they reached the scripted engine; empty with the real CLI. */
  get ran(): readonly ScriptedTurn[] {
    return this.#gateway.engine?.ran ?? [];
  }

  /** The response of any route, whatever its status. */
  fetch(path: string, options?: FetchOptions): Promise<Response> {
    return this.#requests.fetch(path, options);
  }

  /**
   * Sends a prompt and waits for the response, also of a turn that failed or parked (see `success`). Rejects with a
   * `RequestError` on an error status, for instance if a plugin refused the turn (403) or it timed out (408).
   */
  turn(prompt: string, options?: TurnOptions): Promise<TurnResponse> {
    return this.#requests.turn(prompt, options);
  }

  /**
   * Sends a prompt and yields the turn's events as they arrive, up to `done`; leaving the loop early interrupts the
   * turn. Rejects with a `RequestError` if the request is refused. If the turn is refused, for instance by a tap on
   * `beforeExecute`, its stream has already begun, and `done` has the `error` and `code`.
   */
  stream(prompt: string, options?: TurnOptions): AsyncGenerator<StreamEvent, void> {
    return this.#requests.stream(prompt, options);
  }

  /** Begins a session. */
  async session({ key, ...fields }: NewSession = {}): Promise<TestSession> {
    const session = await this.#requests.json<Pick<Session, "session_id" | "workdir">>("/session/start", {
      body: bodyOf(fields),
      key,
    });
    return new TestSession(this.#requests, session, key);
  }

  /** Every plugin that has been enabled, with its state, faults and time spent. */
  plugins(): readonly PluginStatus[] {
    return this.#gateway.running.control.plugins();
  }

  /** Enables a plugin with the given section, or with that of the configuration. Rejects with one line. */
  async enable(plugin: TestPlugin): Promise<void> {
    const { running, cwd } = this.#gateway;
    const { sources, sections } = await choosePlugins([plugin], cwd);
    const given = Object.keys(sections).length > 0 ? sections : undefined;
    for (const source of sources) await running.control.enable(source, given);
  }

  /** Disables a plugin, by its own name. */
  disable(name: string): Promise<void> {
    return this.#gateway.running.control.disable(name);
  }

  /** Replaces the configuration, like SIGHUP. If it is invalid, rejects with one line and changes nothing. */
  reload(config: Readonly<Record<string, unknown>>): Promise<ReloadReport> {
    this.#gateway.setConfig(config);
    return this.#gateway.running.control.reload();
  }

  /**
   * Moves the time forward by `ms`. Everything that is due in that time happens in order, in the gateway and in
   * plugins: timers, expiries, deadlines. Requires `controlTime`.
   */
  async advance(ms: number): Promise<void> {
    const { clock } = this.#kept;
    if (clock === undefined)
      throw new Error("advance requires a gateway that was created with controlTime: true");
    await clock.advance(ms);
  }

  /**
   * The leaks of disabled plugins: timers, sockets, child processes and watchers with the place in the code that
   * created them, and remaining taps and routes. Closed resources have half a second to disappear.
   */
  async leaks(): Promise<readonly Leftover[]> {
    const { running, leftovers } = this.#gateway;
    return [...registeredBy(running.kernel), ...((await leftovers?.list()) ?? [])];
  }

  /**
   * Closes the gateway and starts it again on the same data and keys, on another port, with the options of its start or
   * those given. `logs` and `ran` begin anew; sessions go on. Rejects like `close` and the start.
   */
  async restart(options: TestGatewayRestart = {}): Promise<void> {
    await this.#stop();
    this.#gateway = await open({ ...this.#kept.options, ...options }, this.#kept);
    this.#isOpen = true;
    this.#requests.url = this.#gateway.running.address.url;
  }

  /**
   * Ends running turns, disables the plugins, closes the port and removes the folder. Rejects with a `LeakError` if a
   * plugin leaked resources.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    try {
      await this.#stop();
    } finally {
      this.#kept.clock?.uninstall();
      if (this.#kept.options.dir === undefined) rmSync(this.dir, { recursive: true, force: true });
    }
  }

  async #stop(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    const { running, leftovers } = this.#gateway;
    try {
      await running.close();
      const leaks = await this.leaks();
      if (leaks.length > 0) throw new LeakError(leaks);
    } finally {
      leftovers?.close();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
