import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { stringify } from "smol-toml";
import { readStat } from "#engine-claude/proc.js";
import { endMarked, findMarked } from "#engine-claude/reaper.js";
import { KEYS } from "../e2e/gateway.js";
import type { MovableClock } from "./movable-clock.js";
import type { Way } from "./way.js";

/** The root of the built product that runs. */
export const PRODUCT = fileURLToPath(new URL("../..", import.meta.url));
const COMMAND = "core/cli/bin/claudeway.js";
const WITH_LOAD_ENGINE = "test/cluster/gateway-process.ts";
/** The processes run in folders from which it would not be found. */
const TSX = import.meta.resolve("tsx");
/** What a node logs that buries another one. */
const BURIED = "and was buried";
const START_MS = 300_000;

export interface NodeOptions {
  readonly name: string;
  /** Of all gateways of the cluster. */
  readonly dir: string;
  /** The way to the database, and what is written into the URL. */
  readonly database: Way;
  /** Undefined: the ledger is in the data folder. */
  readonly databaseUrl: string | undefined;
  /** The way of other nodes to this one. */
  readonly peers: Way;
  /** Where other nodes reach it. */
  readonly advertise: string;
  /** Another address than 127.0.0.1, and the command that starts a program where it is. */
  readonly place?: { readonly address: string; readonly prefix: readonly string[] };
  readonly port: number;
  /** Undefined: no cluster, one gateway on the database. */
  readonly cluster: Readonly<Record<string, unknown>> | undefined;
  /** More of claudeway.toml. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** `real`: the CLI; its environment is in `env`. */
  readonly engine: "load" | "real";
  readonly env?: Readonly<Record<string, string>>;
  /** Its wall clock; undefined: that of the machine. */
  readonly clock?: MovableClock | undefined;
  /** Modules that the process imports first: a fault in the gateway's own code. */
  readonly imports?: readonly string[];
  readonly args?: readonly string[];
  /** Mounted over the work folder, for this node alone: as where the shared volume is not mounted. */
  readonly ownWork?: string | undefined;
}

/** One gateway process of a cluster, with folders of its own. It can be started again after its end. */
export class ClusterNode {
  readonly url: string;
  readonly database: Way;
  readonly peers: Way;
  /** What its next start runs. */
  product = PRODUCT;
  /** More of claudeway.toml, which its next start or reload reads. */
  sections: Readonly<Record<string, unknown>> = {};
  /** What its processes have printed, all starts together. */
  output = "";
  /** How often it buried another node. */
  burials = 0;
  #child: ChildProcess | undefined;
  #stopped = false;

  constructor(private readonly options: NodeOptions) {
    this.url = `http://${this.#address}:${options.port}`;
    this.database = options.database;
    this.peers = options.peers;
    mkdirSync(this.dir, { recursive: true });
  }

  get name(): string {
    return this.options.name;
  }

  get dir(): string {
    return join(this.options.dir, this.options.name);
  }

  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error(`${this.name} does not run`);
    return this.#child.pid;
  }

  get runs(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get isStopped(): boolean {
    return this.#stopped;
  }

  /** Starts the process; resolves when it listens. */
  async start(): Promise<void> {
    this.#write();
    const { prefix = [] } = this.options.place ?? {};
    const [command = process.execPath, ...args] = [
      ...prefix,
      ...this.#mount(),
      process.execPath,
      ...this.#command(),
    ];
    const child = spawn(command, args, {
      cwd: this.dir,
      env: this.#environment(),
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    let started = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (text: string) => {
        started += text;
        this.burials += text.split(BURIED).length - 1;
        this.output = (this.output + text).slice(-1_000_000);
      });
    }
    const deadline = Date.now() + START_MS;
    while (!/listening on /.test(started)) {
      if (!this.runs || Date.now() > deadline) throw new Error(`${this.name} did not start: ${started}`);
      await sleep(20);
    }
  }

  /** Whether it says that it serves. */
  async isReady(): Promise<boolean> {
    try {
      return (await fetch(`${this.url}/ready`, { signal: AbortSignal.timeout(5_000) })).status === 200;
    } catch {
      return false;
    }
  }

  /** Reads claudeway.toml again; resolves when that is done, or was refused. */
  async reload(): Promise<void> {
    this.#write();
    const before = this.output.length;
    this.#child?.kill("SIGHUP");
    const isDone = () => /SIGHUP: (?:configuration reloaded|reload refused)/.test(this.output.slice(before));
    while (!isDone()) await sleep(20);
  }

  /** Suspends the process, as a machine does that swaps. */
  suspend(): void {
    this.#stopped = true;
    this.#child?.kill("SIGSTOP");
  }

  wake(): void {
    this.#stopped = false;
    this.#child?.kill("SIGCONT");
  }

  /** Its wall clock, in a cluster whose clocks can be moved. */
  get clock(): MovableClock {
    const { clock } = this.options;
    if (clock === undefined) throw new Error(`the clock of ${this.name} can't be moved`);
    return clock;
  }

  async kill(): Promise<void> {
    await this.end("SIGKILL");
  }

  /** Sends a signal and waits for the end. */
  async end(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    if (!this.runs) return;
    const exited = once(this.#child ?? process, "exit");
    if (this.#stopped) this.wake();
    this.#child?.kill(signal);
    await exited;
  }

  /** The live processes of all its starts: children, and all that these started. */
  async children(): Promise<number[]> {
    await setImmediate();
    const id = this.#installation();
    return id === undefined ? [] : findMarked(id).map(({ pid }) => pid);
  }

  /** Those of them that can do something: one that is stopped waits for its end. */
  async workers(): Promise<number[]> {
    return (await this.children()).filter((pid) => readStat(pid)?.stopped === false);
  }

  /** Ends everything of it. */
  async dispose(): Promise<void> {
    await this.end("SIGKILL");
    const id = this.#installation();
    if (id !== undefined) await endMarked(id, 0);
    await Promise.all([this.database.close(), this.peers.close()]);
  }

  get #address(): string {
    return this.options.place?.address ?? "127.0.0.1";
  }

  /** What the command is started with. It keeps the process id. */
  #mount(): string[] {
    const { ownWork, dir } = this.options;
    if (ownWork === undefined) return [];
    mkdirSync(ownWork, { recursive: true });
    const script = 'mount --bind "$1" "$2" && shift 2 && exec "$@"';
    return ["unshare", "-rm", "sh", "-c", script, "sh", ownWork, join(dir, "work")];
  }

  #command(): string[] {
    const { engine, dir, imports = [], port, args = [] } = this.options;
    const preloaded = imports.flatMap((module) => ["--import", module]);
    const flags = ["--port", String(port), "--host", this.#address, ...args];
    const command = join(this.product, COMMAND);
    const program = join(this.product, WITH_LOAD_ENGINE);
    if (engine === "real" && imports.length === 0) return [command, ...flags];
    if (engine === "real") return ["--conditions=unbundled", ...preloaded, command, ...flags];
    return ["--conditions=unbundled", "--import", TSX, ...preloaded, program, dir, this.name, ...flags];
  }

  #write(): void {
    const { cluster, config, databaseUrl } = this.options;
    const own =
      cluster === undefined
        ? databaseUrl !== undefined && { ledger_url: databaseUrl }
        : {
            cluster: {
              url: databaseUrl,
              node: this.name,
              advertise: this.options.advertise,
              secret: "secret-of-all-nodes-of-a-test-0123456789",
              ...cluster,
            },
          };
    writeFileSync(join(this.dir, "claudeway.toml"), stringify({ ...config, ...own, ...this.sections }));
  }

  #environment(): NodeJS.ProcessEnv {
    const { WRAPPER_KEYS, LEDGER_URL, ...inherited } = process.env;
    const secrets = Object.entries(KEYS).map(([id, secret]) => `${id}:${secret}`);
    return {
      ...inherited,
      IS_SANDBOX: "1",
      WRAPPER_KEYS: secrets.join(","),
      CLAUDE_WORKDIR: join(this.options.dir, "work"),
      ...this.options.clock?.environment,
      ...this.options.env,
    };
  }

  #installation(): string | undefined {
    try {
      return readFileSync(join(this.dir, "data", "installation"), "utf8").trim();
    } catch {
      return undefined;
    }
  }
}
