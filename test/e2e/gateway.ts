import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import {
  type ScriptedModel,
  type ScriptedModelOptions,
  startScriptedModel,
} from "@claudeway/plugin-demo/model";
import WebSocket from "ws";
import { endMarked, findMarked } from "#engine-claude/reaper.js";
import { readEvents, type ServerEvent } from "#testing/event-parser.js";
import { Contract } from "./contract.js";
import { OWN_CONTRACT, watched, watchSocket } from "./exchanges.js";
import { eventually } from "./poll.js";
import { sandboxed } from "./sandboxed.js";
import { TurnAbout } from "./turn-about.js";
import { alternate, areTwoNodes, clustered, newDatabase, planNodes, type TestNode } from "./two-nodes.js";

type Nodes = Awaited<ReturnType<typeof planNodes>>;

const COMMAND = fileURLToPath(new URL("../../core/cli/bin/claudeway.js", import.meta.url));
const START_TIMEOUT_MS = 150_000;
/** How long processes of the gateway may take to end, in ms. */
const GONE_MS = 5_000;

/** The default keys of test gateways. */
export const KEYS = { admin: "sk-admin-0123456789abcdef", bob: "sk-bob-0123456789abcdef" } as const;

export interface StartOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The content of claudeway.toml. */
  readonly config?: string;
  readonly model?: ScriptedModelOptions;
  /** Path of another `claudeway` than the project's own. */
  readonly command?: string;
  /** The port that it listens at; two nodes keep theirs. By default, any. */
  readonly port?: string;
  /** The user and group that it runs as; needs root. */
  readonly user?: number;
}

export interface RequestOptions {
  readonly method?: string;
  readonly body?: unknown;
  /** A secret; null sends none. */
  readonly key?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Of two nodes: sends it to the one that owns the sessions. These begin there. */
  readonly atOwner?: boolean;
}

export interface Answer<Body = Record<string, unknown>> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
}

/**
 * The real command on a free port, with the real CLI, in a folder of its own. The scripted model runs in the test's
 * process, so that it outlives the gateway and tells what it dealt.
 */
export class TestGateway {
  stdout = "";
  stderr = "";
  url = "";
  #child: ChildProcess | undefined;
  /** Of two nodes: the one that owns no session, to which requests go. */
  #other: ChildProcess | undefined;
  #ownerUrl: string | undefined;
  #nodes: Nodes | undefined;
  #balancer: TurnAbout | undefined;
  #database: string | undefined;
  /** What every answer is held against. */
  #contract = OWN_CONTRACT;

  private constructor(
    readonly dir: string,
    readonly model: ScriptedModel,
    private options: StartOptions,
  ) {}

  static async start(options: StartOptions = {}): Promise<TestGateway> {
    const dir = mkdtempSync(join(tmpdir(), "claudeway-test-"));
    const gateway = new TestGateway(dir, await startScriptedModel(options.model), options);
    try {
      await gateway.launch();
    } catch (error) {
      await gateway.dispose();
      throw error;
    }
    return gateway;
  }

  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error("the gateway is not running");
    return this.#child.pid;
  }

  get dataDir(): string {
    return join(this.dir, "data");
  }

  get logDir(): string {
    return join(this.dir, "logs");
  }

  get workdir(): string {
    return join(this.dir, "work");
  }

  /** Starts the command, with other options if given, on the folder as it is; resolves when it listens. */
  async launch(options: StartOptions = this.options): Promise<void> {
    this.options = options;
    this.stdout = "";
    this.stderr = "";
    this.#writeConfig(options);
    if (options.user !== undefined) {
      chownSync(this.dir, options.user, options.user);
      if (options.config !== undefined)
        chownSync(join(this.dir, "claudeway.toml"), options.user, options.user);
    }
    const nodes = areTwoNodes() ? await this.#planNodes() : undefined;
    this.#child = this.#run(nodes?.owner);
    this.url = await this.#listening(this.#child);
    this.#contract = await this.#liveContract();
    this.#ownerUrl = nodes && this.url;
    if (nodes === undefined) return;
    this.#other = this.#run(nodes.other);
    this.url = await this.#listening(this.#other);
    if (!alternate()) return;
    this.#balancer ??= await TurnAbout.start([this.#ownerUrl ?? "", this.url]);
    this.#ownerUrl = undefined;
    this.url = this.#balancer.url;
  }

  #writeConfig({ config: given }: StartOptions): void {
    const config = sandboxed(given, this.dir, Object.keys(KEYS));
    if (config !== undefined) writeFileSync(join(this.dir, "claudeway.toml"), config);
  }

  /** Writes the configuration of both nodes. */
  async #planNodes(): Promise<Nodes> {
    this.#database ??= await newDatabase(this.dataDir);
    this.#nodes ??= await planNodes(this.dir);
    this.#writeNodes(this.#nodes, this.#database);
    return this.#nodes;
  }

  #writeNodes(nodes: Nodes, database: string): void {
    const config = sandboxed(this.options.config, this.dir, Object.keys(KEYS));
    for (const node of [nodes.owner, nodes.other]) {
      mkdirSync(node.dir, { recursive: true });
      writeFileSync(join(node.dir, "claudeway.toml"), clustered(config, node, database, this.dir));
    }
  }

  #run(node?: TestNode): ChildProcess {
    const { options } = this;
    const port = String(node?.port ?? options.port ?? 0);
    const args = ["--port", port, "--host", "127.0.0.1", ...(options.args ?? [])];
    const child = runCommand(
      args,
      node?.dir ?? this.dir,
      {
        ...cliEnvironment(this.model, this.dir),
        WRAPPER_KEYS: Object.entries(KEYS)
          .map(([id, secret]) => `${id}:${secret}`)
          .join(","),
        CLAUDE_WORKDIR: this.workdir,
        ...options.env,
      },
      options.command,
      options.user,
    );
    child.stdout?.on("data", (text: string) => (this.stdout += text));
    child.stderr?.on("data", (text: string) => (this.stderr += text));
    return child;
  }

  async #listening(child: ChildProcess): Promise<string> {
    let said = "";
    child.stdout?.on("data", (text: string) => (said += text));
    const deadline = Date.now() + START_TIMEOUT_MS;
    for (;;) {
      const url = /listening on .*\((http:\S+)\)/.exec(said)?.[1];
      if (url !== undefined) return url;
      const ended = child.exitCode ?? child.signalCode;
      if (ended !== null || Date.now() > deadline) {
        throw new Error(`the gateway did not start (exit ${ended}): ${this.stderr}${this.stdout}`);
      }
      await sleep(20);
    }
  }

  /** With swagger on, plugins' routes are held against what they say of themselves. */
  async #liveContract(): Promise<Contract> {
    const { args = [], config = "" } = this.options;
    if (!/\bswagger\b/.test([...args, config].join("\n"))) return OWN_CONTRACT;
    const response = await fetch(`${this.url}/openapi.json`, {
      headers: { authorization: `Bearer ${KEYS.admin}` },
    });
    return response.ok ? new Contract(JSON.parse(await response.text())) : OWN_CONTRACT;
  }

  /** Sends a request; a body that is no string goes as JSON. Rejects where the answer is not as the document says. */
  async fetch(
    path: string,
    {
      method: given,
      body,
      key = KEYS.admin,
      headers,
      signal,
      atOwner = path === "/session/start",
    }: RequestOptions = {},
  ): Promise<Response> {
    const method = given ?? (body === undefined ? "GET" : "POST");
    const url = (atOwner ? this.#ownerUrl : undefined) ?? this.url;
    const response = await fetch(url + path, {
      method,
      headers: {
        ...(key === null ? {} : { authorization: `Bearer ${key}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    }).catch((error: unknown) => this.#explain(error, `${method} ${path}`));
    return watched(response, { method, path: new URL(path, this.url).pathname }, this.#contract);
  }

  /** Rethrows why a request failed, and if the gateway has ended, that it has and what it said last. */
  #explain(error: unknown, request: string): never {
    if (!(error instanceof TypeError)) throw error;
    const ended = this.#child?.exitCode ?? this.#child?.signalCode ?? null;
    const end = ended === null ? "" : `; the gateway has ended (${ended}): ${this.stderr.slice(-2000)}`;
    throw new Error(`${request}: ${error.message} (${String(error.cause)})${end}`, { cause: error });
  }

  /** Opens a WebSocket; every frame that comes is held against the document. */
  socket(path = "/task/ws", { key = KEYS.admin, headers }: RequestOptions = {}): WebSocket {
    const socket = new WebSocket(this.url.replace(/^http/, "ws") + path, {
      headers: { ...(key === null ? {} : { authorization: `Bearer ${key}` }), ...headers },
    });
    watchSocket(socket, { method: "GET", path });
    return socket;
  }

  async request<Body = Record<string, unknown>>(
    path: string,
    options: RequestOptions = {},
  ): Promise<Answer<Body>> {
    const response = await this.fetch(path, options);
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: JSON.parse(text) };
  }

  /** Sends a request and reads its server-sent events to the end. */
  async events(path: string, options: RequestOptions): Promise<ServerEvent[]> {
    const response = await this.fetch(path, options);
    if (response.status !== 200) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    const events: ServerEvent[] = [];
    for await (const event of readEvents(response)) events.push(event);
    return events;
  }

  /** Sends a signal and waits for the process to end. */
  async stop(
    signal: NodeJS.Signals = "SIGTERM",
  ): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    for (const child of this.#running()) child.kill(signal);
    return this.ended();
  }

  /** Waits for the process to end, by itself or by a signal that was sent. */
  async ended(): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    const child = this.#child;
    await Promise.all(this.#running().map((running) => once(running, "exit")));
    this.#child = undefined;
    this.#other = undefined;
    return { code: child?.exitCode ?? null, signal: child?.signalCode ?? null };
  }

  #running(): ChildProcess[] {
    const started = [this.#child, this.#other].filter((child) => child !== undefined);
    return started.filter((child) => child.exitCode === null && child.signalCode === null);
  }

  /** Has another configuration file read; what becomes of it is in the log. */
  reload(config: string): void {
    writeFileSync(join(this.dir, "claudeway.toml"), sandboxed(config, this.dir, Object.keys(KEYS)) ?? config);
    this.options = { ...this.options, config };
    if (areTwoNodes() && this.#nodes !== undefined && this.#database !== undefined)
      this.#writeNodes(this.#nodes, this.#database);
    this.signal("SIGHUP");
  }

  /** Resolves once the log has this: its lines come by a pipe, maybe after the answer to the request that they are about. */
  async logs(text: string): Promise<void> {
    await eventually(`${text} in the log`, () => this.stderr.includes(text));
  }

  signal(signal: NodeJS.Signals): void {
    for (const child of this.#running()) child.kill(signal);
  }

  /** What runs of this gateway's children and all that they started, by pid. */
  async children(): Promise<number[]> {
    // The look is synchronous: who looks again and again must let others have their turn.
    await setImmediate();
    return this.#installations().flatMap((installation) => findMarked(installation).map(({ pid }) => pid));
  }

  /** The data folders; each of two nodes has its own. */
  get dataDirs(): string[] {
    return [this.dataDir, ...(areTwoNodes() ? [join(this.dir, "other", "data")] : [])];
  }

  #installations(): string[] {
    const folders = [this.dataDir, join(this.dir, "other", "data")];
    return folders.map(readInstallation).filter((installation) => installation !== undefined);
  }

  /** Ends everything; rejects if the gateway left a process behind. */
  async dispose(): Promise<void> {
    await this.#balancer?.close();
    await this.stop();
    const deadline = Date.now() + GONE_MS;
    let left = await this.children();
    while (left.length > 0 && Date.now() < deadline) {
      await sleep(50);
      left = await this.children();
    }
    for (const installation of this.#installations()) await endMarked(installation);
    await this.model.close();
    rmSync(this.dir, { recursive: true, force: true });
    if (left.length > 0) throw new Error(`the gateway left processes behind: ${left.join(", ")}`);
  }
}

/** What a command printed, and how it ended. */
export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How long a command may take that has to end by itself, in ms. */
const END_TIMEOUT_MS = 150_000;

/** Runs the command to its end; one that does not end is killed, and its code is null. */
export async function runToEnd(
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string | undefined>> = {},
  command?: string,
): Promise<CommandResult> {
  const child = runCommand(args, cwd, env, command);
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (text: string) => (stdout += text));
  child.stderr?.on("data", (text: string) => (stderr += text));
  const late = setTimeout(() => child.kill("SIGKILL"), END_TIMEOUT_MS);
  await once(child, "close");
  clearTimeout(late);
  return { code: child.exitCode, stdout, stderr };
}

/** Settings that make the CLI talk to the scripted model and to nothing else. */
export function cliEnvironment(model: ScriptedModel, dir: string): Record<string, string> {
  return {
    ANTHROPIC_BASE_URL: model.url,
    ANTHROPIC_API_KEY: "scripted",
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    DISABLE_AUTOUPDATER: "1",
    // The Bash tool reads the user's own shell files; what they do may take long, or fail.
    HOME: dir,
    CLAUDE_CONFIG_DIR: join(dir, "claude"),
    CLAUDE_CODE_TMPDIR: join(dir, "claude-tmp"),
  };
}

function runCommand(
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string | undefined>>,
  command = COMMAND,
  user?: number,
): ChildProcess {
  const { WRAPPER_KEYS, IS_SANDBOX, ...inherited } = process.env;
  const child = spawn(process.execPath, [command, ...args], {
    cwd,
    env: { ...inherited, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    ...(user !== undefined && { uid: user, gid: user }),
  });
  child.stdout.setEncoding("utf8");
  child.stderr.setEncoding("utf8");
  return child;
}

function readInstallation(dataDir: string): string | undefined {
  try {
    return readFileSync(join(dataDir, "installation"), "utf8").trim();
  } catch {
    return undefined;
  }
}
