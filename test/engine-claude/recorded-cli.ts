import { readFileSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import type { HookInput, Options, SDKMessage, SDKUserMessage } from "@anthropic-ai/claude-agent-sdk";
import type { CliQuery, StartQuery } from "#engine-claude/cli-query.js";

/** The placeholder for the turn's working directory in a recording. */
export const WORKDIR = "/recorded";

/** One thing that happened between the engine and a CLI; a recording is one a line, in order. */
export type Step =
  /** A process was started, for the CLI's session with this id. */
  | { readonly start: string | undefined }
  /** The engine sent a prompt under this id. */
  | { readonly prompt: string | undefined }
  | { readonly message: SDKMessage }
  /** The CLI asked a hook. */
  | { readonly hook: HookInput }
  /** The hook answered. */
  | { readonly answered: string }
  | { readonly interrupt: true }
  /** The engine closed the input. */
  | { readonly closed: true }
  /** The process was killed. */
  | { readonly killed: true }
  /** The stream ended; with what the SDK threw, if anything. */
  | { readonly end: string | null };

/** What a hook's answer is known by. */
export function hookId(input: HookInput): string {
  return "tool_use_id" in input ? `${input.hook_event_name} ${input.tool_use_id}` : input.hook_event_name;
}

/** The file of a recording. */
export function recordingOf(name: string): URL {
  return new URL(`./recorded/${name.replaceAll(" ", "-")}.jsonl`, import.meta.url);
}

/** The steps of each process in a file below `recorded/`. */
export function readRecording(name: string): Step[][] {
  const processes: Step[][] = [];
  for (const line of readFileSync(recordingOf(name), "utf8").trim().split("\n")) {
    const step: Step = JSON.parse(line);
    if ("start" in step) processes.push([]);
    processes.at(-1)?.push(step);
  }
  return processes;
}

/** Plays one process of a recording after the other; a process that none is left for says nothing. */
export function playing(processes: readonly (readonly Step[])[]): StartQuery {
  const left = [...processes];
  return ({ prompt, options }) => new PlayedCli(left.shift() ?? [{ start: undefined }], prompt, options);
}

/** `cat` in the place of the CLI: a process that ends with its input. What the CLI said comes from a recording. */
export const PROGRAM = "/bin/cat";

class PlayedCli implements CliQuery {
  readonly #input: AsyncIterator<SDKUserMessage>;
  readonly #child: ReturnType<NonNullable<Options["spawnClaudeCodeProcess"]>>;
  readonly #gone: Promise<unknown>;
  /** Ids of the recording under the names that they have now. */
  readonly #names = new Map<string, string>();
  readonly #answers = new Map<string, Promise<unknown>>();
  #interrupted: () => void = () => undefined;
  #interrupts = 0;

  constructor(
    private readonly steps: readonly Step[],
    prompt: AsyncIterable<SDKUserMessage>,
    private readonly options: Options,
  ) {
    this.#input = prompt[Symbol.asyncIterator]();
    const { spawnClaudeCodeProcess: spawn, cwd = "/", env = {} } = options;
    if (spawn === undefined) throw new Error("the engine starts its processes itself");
    this.#child = spawn({ command: PROGRAM, args: [], cwd, env, signal: new AbortController().signal });
    this.#gone = new Promise((resolve) => {
      this.#child.once("exit", (_code, signal) => resolve(signal));
      this.#child.once("error", resolve);
    });
    this.#names.set(WORKDIR, cwd);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<readonly SDKMessage[], void> {
    // No CLI says anything at once.
    await setImmediate();
    for (const step of this.steps) {
      if ("start" in step) this.#rename(step.start, this.options.sessionId ?? this.options.resume);
      else if ("message" in step) yield [this.#now(step.message)];
      else if ("prompt" in step) {
        const prompt = await Promise.race([this.#input.next(), this.#gone]);
        if (!isMessage(prompt)) break;
        this.#rename(step.prompt, prompt.value.uuid);
      } else if ("hook" in step) this.#ask(step.hook);
      else if ("answered" in step) await this.#answers.get(step.answered);
      else if ("interrupt" in step) await this.#untilInterrupted();
      else if ("end" in step) {
        this.#child.stdin.end();
        await this.#gone;
        if (step.end !== null) throw new Error(step.end);
        return;
      } else await this.#untilTold();
    }
    await this.#untilTold();
  }

  async interrupt() {
    this.#interrupts++;
    this.#interrupted();
    return undefined;
  }

  async readFile() {
    return null;
  }

  async mcpServerStatus() {
    return [];
  }

  async setModel() {}

  async setPermissionMode() {
    return undefined;
  }

  async setMcpServers() {
    return { added: [], removed: [], errors: {} };
  }

  async applyFlagSettings() {}

  async supportedModels() {
    return [{ value: "sonnet", displayName: "Sonnet", description: "as recorded" }];
  }

  async initializationResult() {
    return {
      commands: [],
      agents: [],
      output_style: "default",
      available_output_styles: [],
      models: [],
      account: { apiKeySource: "ANTHROPIC_API_KEY", subscriptionType: "max" },
    };
  }

  close(): void {
    this.#child.stdin.end();
  }

  /** Until the engine closes the input, which ends the process, or kills it. */
  async #untilTold(): Promise<void> {
    const next = await Promise.race([this.#input.next(), this.#gone]);
    if (isMessage(next)) throw new Error("there is a prompt more than the recording has");
    this.#child.stdin.end();
    const signal = await this.#gone;
    if (typeof signal === "string") throw new Error(`Claude Code process terminated by signal ${signal}`);
  }

  async #untilInterrupted(): Promise<void> {
    const told = new Promise<void>((resolve) => {
      this.#interrupted = resolve;
    });
    if (this.#interrupts === 0) await Promise.race([told, this.#gone]);
    this.#interrupts = 0;
  }

  #ask(recorded: HookInput): void {
    const input = this.#now(recorded);
    const ask = this.options.hooks?.[input.hook_event_name]?.[0]?.hooks[0];
    const id = "tool_use_id" in input ? input.tool_use_id : undefined;
    const answer = ask?.(input, id, { signal: new AbortController().signal }) ?? Promise.resolve();
    this.#answers.set(hookId(recorded), answer);
  }

  #rename(recorded: string | undefined, now: string | undefined): void {
    if (recorded !== undefined && now !== undefined) this.#names.set(recorded, now);
  }

  #now<Said extends SDKMessage | HookInput>(said: Said): Said {
    let text = JSON.stringify(said);
    for (const [recorded, now] of this.#names) text = text.replaceAll(recorded, now);
    return JSON.parse(text);
  }
}

function isMessage(next: unknown): next is IteratorYieldResult<SDKUserMessage> {
  return typeof next === "object" && next !== null && "done" in next && next.done !== true;
}
