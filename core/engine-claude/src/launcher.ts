import type { Options } from "@anthropic-ai/claude-agent-sdk";
import { type EngineTurn, GatewayError, type ProcessGuard, type SpawnPlan } from "@claudeway/ports";
import { AdoptedProcesses } from "./adopted.js";
import { CallHook } from "./asking.js";
import type { StartQuery } from "./cli-query.js";
import { withGuardedGit } from "./git-environment.js";
import { fixedOptions, liveSettings, ProcessSettings } from "./live-settings.js";
import { ModelWatch } from "./model-watch.js";
import { IDLE_OPTIONS, type ProcessTerms, sessionOptions, termsOf } from "./options.js";
import { ClaudeProcess } from "./process.js";
import type { ProcessMirror, SharedConversations } from "./shared-conversations.js";
import type { LaunchSpec } from "./spares.js";

export interface LauncherOptions {
  /** Absolute path of the CLI. */
  readonly executable: string;
  /** The prefix of this gateway's markers; see ClaudeProcess. */
  readonly installation: string;
  /** Registers each process. */
  readonly guard?: Pick<ProcessGuard, "began" | "ended">;
  /** What starts the CLI; `startQuery` if not given. */
  readonly query?: StartQuery;
  /** Stores the conversations for other nodes. */
  readonly shared?: SharedConversations | undefined;
}

const TOO_LONG =
  "the options of the turn are too long for the CLI's command line; shorten output_schema or the lists of tools";

/** Has a CLI that resumes take up the prompt that its conversation ends with. */
const TAKES_UP = { CLAUDE_CODE_RESUME_INTERRUPTED_TURN: "1" };

/** Starts CLI processes, each with a hook for its tool calls if the approval mode needs one. */
export class Launcher {
  readonly #hooks = new WeakMap<ClaudeProcess, CallHook>();
  readonly #adopted = new AdoptedProcesses();
  readonly #models = new WeakMap<ClaudeProcess, ModelWatch>();
  readonly #settings = new WeakMap<ClaudeProcess, ProcessSettings>();
  /** Environments as text: most turns have the same one, and it is the most of what a process is started with. */
  readonly #environments = new WeakMap<SpawnPlan["env"], string>();

  constructor(private readonly options: LauncherOptions) {}

  /** A process for a turn, with the CLI's session resumed or begun. */
  start(terms: ProcessTerms, resume: boolean): ClaudeProcess {
    const { approvalMode, unresolved, spawn, asksQuestions } = terms;
    const models = new ModelWatch();
    // With the bypass on, every call runs except those that must no longer run.
    const asks = approvalMode !== "bypass" || unresolved.length > 0;
    const questions = !asksQuestions ? "none" : asks ? "also" : "only";
    const client = !asks && terms.plan.options.clientTools !== undefined;
    const hook =
      asks || asksQuestions || client ? new CallHook(approvalMode === "ask", questions, client) : undefined;
    const guarded = approvalMode === "bypass" ? spawn : { ...spawn, env: withGuardedGit(spawn.env) };
    const base = sessionOptions(terms, resume);
    const { hooks, ...rest } = hook?.options(base) ?? base;
    const started =
      terms.promptPlaced === true ? { ...guarded, env: { ...guarded.env, ...TAKES_UP } } : guarded;
    const settings = { ...rest, hooks: { ...hooks, ...models.hooks() } };
    const child: ClaudeProcess = this.#process(
      started,
      settings,
      this.#mirrorOf(terms, () => child),
    );
    this.#models.set(child, models);
    const { model, options } = terms.plan;
    this.#settings.set(child, new ProcessSettings(liveSettings(model, options), models));
    if (hook !== undefined) this.#hooks.set(child, hook);
    return child;
  }

  /** A process that runs no turn. */
  startIdle(spawn: SpawnPlan): ClaudeProcess {
    return this.#process({ ...spawn, env: withGuardedGit(spawn.env) }, IDLE_OPTIONS);
  }

  /** Watches for a changed model of the process. */
  modelsOf(child: ClaudeProcess): ModelWatch | undefined {
    return this.#models.get(child);
  }

  /** The settings of the process that can change while it lives. */
  settingsOf(child: ClaudeProcess): ProcessSettings | undefined {
    return this.#settings.get(child);
  }

  /** The hook for the process's calls; undefined if it asks about none. */
  hookOf(child: ClaudeProcess): CallHook | undefined {
    return this.#hooks.get(child);
  }

  /**
   * What a process that runs this turn may run other turns with; undefined where it can't be shared. It outlives the
   * turn: nothing of that is in it.
   */
  launchSpecOf(turn: EngineTurn): LaunchSpec | undefined {
    const { spawn, approvalMode, trusted, unresolved, questions } = turn;
    if (unresolved.length > 0) return undefined;
    const { plan: own, ...terms } = termsOf(turn);
    const options = fixedOptions(own.options);
    const { env, ...rest } = spawn;
    return {
      fingerprint:
        JSON.stringify([
          own.systemPrompt,
          options,
          approvalMode,
          trusted === true,
          questions !== undefined,
          // Servers can't change on a live process that has client tools.
          own.options.clientTools && own.options.mcpServers,
          rest,
        ]) + this.#textOf(env),
      start: (sessionId) =>
        // Only tasks run in one that was started ahead.
        this.start({ ...terms, plan: { ...own, options }, sessionId, sharedAs: undefined }, false),
    };
  }

  #textOf(env: SpawnPlan["env"]): string {
    const text = this.#environments.get(env) ?? JSON.stringify(env);
    this.#environments.set(env, text);
    return text;
  }

  #mirrorOf({ sharedAs, spawn }: ProcessTerms, child: () => ClaudeProcess): ProcessMirror | undefined {
    if (sharedAs === undefined) return undefined;
    return this.options.shared?.mirror(sharedAs, spawn, () => void child().end("now"));
  }

  #process(spawn: SpawnPlan, options: Options, mirror?: ProcessMirror): ClaudeProcess {
    const { executable, installation, guard, query } = this.options;
    try {
      return new ClaudeProcess(spawn, options, executable, installation, this.#adopted, guard, query, mirror);
    } catch (error) {
      void mirror?.close();
      throw isTooLong(error) ? new GatewayError("BAD_REQUEST", TOO_LONG) : error;
    }
  }
}

/** Linux allows 128 KiB for an argument, in bytes. */
function isTooLong(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "E2BIG";
}
