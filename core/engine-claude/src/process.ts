import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type {
  AccountInfo,
  ModelInfo,
  Options,
  SDKMessage,
  SDKUserMessage,
  SpawnOptions as SdkSpawnOptions,
  SlashCommand,
} from "@anthropic-ai/claude-agent-sdk";
import { markedEnvironment } from "@claudeway/core/marker";
import {
  type ChildNote,
  type LostTask,
  messageOf,
  type ProcessGuard,
  retryLater,
  type SpawnPlan,
  type TaskLoss,
} from "@claudeway/ports";
import type { AdoptedProcesses } from "./adopted.js";
import { type CliQuery, type StartQuery, startQuery } from "./cli-query.js";
import { MessageQueue } from "./input.js";
import type { LiveCli } from "./live-settings.js";
import { findProgram, type ProcessId, readStat, startTimeOf } from "./proc.js";
import { ProcessTree } from "./process-tree.js";
import { ProcessReader } from "./reader.js";
import { endAll } from "./reaper.js";
import type { ProcessMirror } from "./shared-conversations.js";
import { commandOf, isSendable } from "./slash-commands.js";

/** After its input has ended, the CLI saves its totals and exits. It gets this long before it is signalled, in ms. */
const CLEAN_END_MS = 2000;
/** Has the CLI say when it has nothing left to do, so that no prompt is sent into a turn that it begins by itself. */
const TELLS_STATE = { CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS: "1" };
/** How long the CLI may need to change a setting, in ms: it waits 30 s for an MCP server. */
const CHANGE_MS = 40_000;
/** How long a CLI that is still starting may need to answer about a prompt, in ms. */
const CHECK_MS = 30_000;
/** How much of the CLI's complaints is kept, in characters. */
const STDERR_TAIL = 4096;

export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/**
 * One process of the CLI, driven by the Agent SDK in streaming-input mode: a child in a process group of its own that
 * carries a marker, so that it can be ended with all that it started.
 */
export class ClaudeProcess {
  /** Resolves when the child has gone; a child that could not be started counts as gone. */
  readonly exited: Promise<ProcessExit>;
  readonly marker: string;
  readonly #query: CliQuery;
  readonly reader = new ProcessReader();
  readonly #input = new MessageQueue();
  readonly #exit: { resolve: (exit: ProcessExit) => void };
  readonly #whenGone = new Set<() => void>();
  #hasGone = false;
  #child: ChildProcess | undefined;
  #note: ChildNote | undefined;
  #cli: ProcessId | undefined;
  #stderr = "";
  #ending: Promise<void> | undefined;
  #lost: readonly LostTask[] = [];
  /** Resolves when the CLI's output was read to its end. */
  readonly #heardAll: Promise<void>;
  /** The slash commands as last reported; undefined until they change for the first time. */
  #commands: readonly SlashCommand[] | undefined;

  /**
   * @param plan what the spawn hook made of the command
   * @param options the SDK's options of this session, without what the plan says
   * @param installation the marker's prefix: an id that belongs to this gateway's data folder
   */
  constructor(
    private readonly plan: SpawnPlan,
    options: Options,
    private readonly executable: string,
    installation: string,
    private readonly adopted: AdoptedProcesses,
    /** Notified when the child has been started and when it has exited. */
    private readonly guard?: Pick<ProcessGuard, "began" | "ended">,
    start: StartQuery = startQuery,
    /** Stores what the CLI writes to its transcripts. */
    readonly mirror?: ProcessMirror,
  ) {
    this.marker = `${installation}.${randomUUID()}`;
    let resolve: (exit: ProcessExit) => void = () => undefined;
    this.exited = new Promise((done) => {
      resolve = done;
    });
    this.#exit = { resolve };
    void this.exited.then(() => {
      this.#hasGone = true;
      if (this.#ending === undefined) this.#lose("died");
      for (const notify of this.#whenGone) notify();
    });
    let heardAll: () => void = () => undefined;
    this.#heardAll = new Promise((done) => {
      heardAll = done;
    });
    this.#query = start({
      prompt: this.#input,
      mirror: mirror && {
        take: (path, entries) => mirror.take(path, entries),
        flush: () => mirror.flush(),
        ended: heardAll,
      },
      options: {
        ...options,
        cwd: plan.cwd,
        env: { ...plan.env, ...TELLS_STATE },
        pathToClaudeCodeExecutable: executable,
        spawnClaudeCodeProcess: (sdk) => this.#spawn(sdk, executable),
      },
    });
    void this.#read();
  }

  /** The child, once it has been started. */
  async note(): Promise<ChildNote | undefined> {
    return this.#note;
  }

  /** The last of what the CLI wrote to stderr. */
  get complaints(): string {
    return this.#stderr.trim();
  }

  /** The child's pid, once it has been started. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** The pid of the CLI: where another program runs it, that of the CLI below that. */
  get cliPid(): number | undefined {
    const { pid } = this;
    if (pid === undefined || this.plan.command === this.executable) return pid;
    if (this.#cli === undefined || startTimeOf(this.#cli.pid) !== this.#cli.startTime) {
      const found = findProgram(pid, this.executable) ?? pid;
      this.#cli = { pid: found, startTime: startTimeOf(found) ?? 0 };
    }
    return this.#cli.pid;
  }

  /** What ran in the background when the process was ended, or ended by itself; empty while it runs. */
  get lostTasks(): readonly LostTask[] {
    return this.#lost;
  }

  /**
   * Whether the process is alive and well: it has to answer within `ms`. One that was heard a moment ago (`fresh`) is
   * not asked where the kernel says that it runs.
   */
  async answers(ms: number, fresh = false): Promise<boolean> {
    if (!this.#isRunning() || this.#ending !== undefined) return false;
    const { cliPid } = this;
    const stat = cliPid === undefined ? undefined : readStat(cliPid);
    // It has been killed, and its exit has not been heard of yet.
    if (stat?.exiting === true) return false;
    if (fresh && stat !== undefined && !stat.stopped) return true;
    return this.#answerWithin(this.#query.mcpServerStatus(), ms).then(
      () => true,
      () => false,
    );
  }

  /** Reads all messages of the CLI until it ends. A CLI that breaks the protocol is ended. */
  async #read(): Promise<void> {
    try {
      for await (const messages of this.#query) for (const message of messages) this.#take(message);
      this.reader.end(undefined);
    } catch (error) {
      this.reader.end(error);
      // Nothing that it says is heard any more, so it may run no further turn.
      void this.end("now");
    }
  }

  #take(message: SDKMessage): void {
    if (message.type === "system" && message.subtype === "commands_changed")
      this.#commands = message.commands;
    this.reader.take(message);
  }

  send(message: SDKUserMessage): void {
    this.#input.push(message);
  }

  /** Asks the CLI to end the running turn, its tools' processes with it. */
  async interrupt(): Promise<void> {
    await this.#query.interrupt();
  }

  /** Changes a setting of the running CLI; rejects if the CLI refuses, has not answered in time, or has exited. */
  async change(make: (cli: LiveCli) => Promise<unknown>): Promise<void> {
    await this.#answerWithin(make(this.#query), CHANGE_MS);
  }

  /** The models that the account may use; rejects when the CLI has not answered in time, or has gone. */
  models(timeoutMs: number): Promise<readonly ModelInfo[]> {
    return this.#answerWithin(this.#query.supportedModels(), timeoutMs);
  }

  /** How the CLI is logged in; rejects as `models` does. */
  async account(timeoutMs: number): Promise<AccountInfo> {
    return (await this.#answerWithin(this.#query.initializationResult(), timeoutMs)).account;
  }

  /** The slash commands that a prompt may run; rejects as `models` does. */
  async commands(timeoutMs: number): Promise<readonly SlashCommand[]> {
    const { commands } = await this.#answerWithin(this.#query.initializationResult(), timeoutMs);
    return commands.filter(isSendable);
  }

  /** Whether the CLI has a slash command that a prompt may run. False if it has gone, or does not answer. */
  async hasCommand(word: string): Promise<boolean> {
    try {
      const { commands } = await this.#answerWithin(this.#query.initializationResult(), CHECK_MS);
      const found = commandOf(word, this.#commands ?? commands);
      return found !== undefined && isSendable(found);
    } catch {
      return false;
    }
  }

  /** Whether the CLI's rules let it read the file unasked. False if it has gone, or does not answer. */
  async mayRead(path: string): Promise<boolean> {
    try {
      return (await this.#answerWithin(this.#query.readFile(path, { maxBytes: 1 }), CHECK_MS)) !== null;
    } catch {
      return false;
    }
  }

  /** Rejects when the child has gone, or has not answered in time. */
  async #answerWithin<T>(answer: Promise<T>, timeoutMs: number): Promise<T> {
    let giveUp: (why: string) => void = () => undefined;
    const given = new Promise<never>((_resolve, reject) => {
      giveUp = (why) => reject(new Error(why));
    });
    // Not by `exited`: what waits for that is kept until the child goes, and a session may have thousands of turns.
    const gone = () => giveUp(`the CLI ended: ${this.complaints}`);
    this.#whenGone.add(gone);
    if (this.#hasGone) gone();
    const timer = setTimeout(giveUp, timeoutMs, `the CLI did not answer within ${timeoutMs} ms`);
    try {
      return await Promise.race([answer, given]);
    } finally {
      clearTimeout(timer);
      this.#whenGone.delete(gone);
    }
  }

  /**
   * Ends the process and everything that it started. Resolves when none of it is left. A clean end lets the CLI save
   * its totals; otherwise it is signalled at once.
   *
   * @param why what work that it has in the background is lost for
   */
  end(how: "clean" | "now", why: TaskLoss = "died"): Promise<void> {
    if (this.#ending === undefined) this.#lose(why);
    this.#ending ??= this.#end(how);
    return this.#ending;
  }

  #lose(reason: TaskLoss): void {
    this.#lost = this.reader.tasks.running.map((task) => ({ ...task, reason }));
  }

  async #end(how: "clean" | "now"): Promise<void> {
    const tree = this.#note && new ProcessTree(this.#note, this.marker, this.adopted);
    // What a tool started with an environment of its own is known by its relatives, as long as they live.
    tree?.look();
    this.#input.close();
    if (this.#child !== undefined && how === "clean") {
      await Promise.race([this.exited, sleep(CLEAN_END_MS, undefined, { ref: false })]);
    }
    if (tree !== undefined) await endAll(() => tree.look());
    // Without /proc, only the process group can be signalled.
    if (this.#isRunning()) this.#killGroup();
    this.#query.close();
    if (this.#child === undefined) this.#exit.resolve({ code: null, signal: null });
    await this.exited;
    if (this.mirror === undefined) return;
    await Promise.race([this.#heardAll, sleep(CLEAN_END_MS, undefined, { ref: false })]);
    await this.mirror.close();
  }

  #isRunning(): boolean {
    return this.#child?.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  #killGroup(): void {
    try {
      if (this.#child?.pid !== undefined) process.kill(-this.#child.pid, "SIGKILL");
    } catch (error) {
      this.#stderr += `\n${messageOf(error)}`;
    }
  }

  #spawn(sdk: SdkSpawnOptions, executable: string) {
    const own = this.plan.command === executable;
    const cwd = sdk.cwd ?? this.plan.cwd;
    const child = spawn(own ? sdk.command : this.plan.command, [...this.plan.args, ...sdk.args], {
      cwd,
      env: { ...sdk.env, ...markedEnvironment(this.marker) },
      detached: true,
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#child = child;
    const { pid } = child;
    if (pid !== undefined) {
      this.#note = { pid, startTime: startTimeOf(pid) ?? 0, marker: this.marker };
      this.guard?.began(this.#note);
    }
    child.once("exit", (code, signal) => {
      if (pid !== undefined) this.guard?.ended({ pid });
      this.#exit.resolve({ code, signal });
    });
    child.once("error", (error) => {
      // Node reports ENOENT for the program even if it is the working directory that is missing.
      this.#complain(existsSync(cwd) ? error.message : `the working directory ${cwd} does not exist`);
      if (child.pid === undefined) this.#exit.resolve({ code: null, signal: null });
    });
    // Where no file can be opened, Node returns a child without streams, and reports the error in the next tick.
    if (child.stderr === undefined)
      throw retryLater("the CLI could not be started: too many files are open; try again", 5);
    child.stderr.setEncoding("utf8").on("data", (text: string) => this.#complain(text));
    // The CLI may exit while the SDK still writes. Its exit is reported elsewhere, so EPIPE adds nothing.
    child.stdin.on("error", (error) => this.#complain(error.message));
    return child;
  }

  #complain(text: string): void {
    this.#stderr = (this.#stderr + text).slice(-STDERR_TAIL);
  }
}
