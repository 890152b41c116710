import { realpathSync } from "node:fs";
import type {
  CanUseTool,
  HookCallback,
  HookCallbackMatcher,
  Options,
  PreToolUseHookInput,
  SDKMessage,
  SyncHookJSONOutput,
} from "@anthropic-ai/claude-agent-sdk";
import type { AskedCall, CallAnswer, CallDecider, EngineTurn } from "@claudeway/ports";
import { isObject, type PermissionDenial } from "@claudeway/schemas";
import { CLIENT_TOOL_MATCHER, clientToolOf } from "./client-tools.js";
import type { Grants } from "./grants.js";
import { HandedOver } from "./handed-over.js";
import { CallMessages } from "./messages.js";
import { isName, MAX_NAME_CHARS } from "./result-check.js";

/** The CLI's tool with which the model asks its user. */
const QUESTION_TOOL = "AskUserQuestion";
const PLAN_TOOLS = ["EnterPlanMode", "ExitPlanMode"];
/** The CLI's tool for structured output. It only returns the turn's output, so it needs no decision. */
const OUTPUT_TOOL = "StructuredOutput";
/** The timeout of the CLI's hooks, in seconds: the longest that its timer supports. */
const HOOK_TIMEOUT_SECS = 2_147_483;
/** How long the end of a call's message is waited for when it is to be parked, in ms. */
const MESSAGE_END_MS = 10_000;
/**
 * How many calls of a turn wait for an answer at once, and how many characters all that the CLI says of them may have, as JSON:
 * a tool that speaks for it could ask about calls without end, and each waits in memory and in the ledger.
 */
const MAX_WAITING = 256;
const MAX_WAITING_CHARS = 8 * 1024 * 1024;
/** Calls of a turn that something is remembered of, and the length of a directory, as Linux has it. */
const MAX_REMEMBERED = 10_000;
const MAX_PATH_CHARS = 4096;

export interface AskingOptions {
  /** If undefined, the CLI's own rules decide every call except the unresolved ones. */
  readonly decider: CallDecider | undefined;
  /** Without a decider: answers the model's questions. If undefined, they are denied. */
  readonly questions?: CallDecider | undefined;
  /** Without a decider: whether a call needs permission, although the CLI's own rules may let it run. */
  readonly needsPermission?: EngineTurn["needsPermission"];
  /** Calls that the CLI kept from earlier turns and that must not run: they are denied, and those turns end. */
  readonly unresolved: readonly string[];
  /** Ends the CLI's running turn. */
  readonly interrupt: () => Promise<void>;
  /** The turn's working directory. */
  readonly workdir: string;
  /** Which calls of client tools the turn ends with; undefined: they are denied. */
  readonly clientCalls?: "parallel" | "single" | undefined;
  /** False: the turn can't be parked, so that its calls are held until they are decided. */
  readonly parks?: boolean;
  /** Approved calls. Without a decider they run; a decider decides about them itself. */
  readonly grants: Grants;
}

/**
 * The hook that a process is started with: the CLI asks it about every tool call before it applies its own rules. The
 * running turn answers. Between turns there is no answer.
 */
export class CallHook {
  /** The turn of a prompt. */
  #asking: Asking | undefined;
  /** The turn that the CLI began by itself. */
  #own: Asking | undefined;
  /** Calls that change nothing and were allowed: the CLI asks about them once more in plan mode. */
  readonly #allowed = new Set<string>();
  /** The turn that answers for each running subagent: the one that launched it, even after its end. */
  readonly #agents = new Map<string, Asking>();

  /**
   * @param decided whether every call is decided on, and none left to the CLI's own rules
   * @param questions whether the model may ask its user although calls are not decided on; `only`: the hook is asked
   * about nothing else but calls of client tools
   * @param client the hook is asked about nothing else but questions and calls of client tools
   */
  constructor(
    private readonly decided: boolean,
    private readonly questions: "none" | "also" | "only" = "none",
    private readonly client = false,
  ) {}

  /** Sets the turn of a prompt that answers from now on; undefined for none. */
  serve(asking: Asking | undefined): void {
    // Outside plan mode, the CLI has not asked about them again, and does not any more.
    this.#allowed.clear();
    this.#asking = asking;
  }

  /** Sets the turn of the CLI's own, which answers until it leaves: a prompt that was sent waits for its end. */
  serveOwn(asking: Asking | undefined): void {
    this.#own = asking;
  }

  /** Removes a turn that is over, unless another has replaced it. */
  leave(asking: Asking): void {
    if (this.#asking === asking) this.#asking = undefined;
    if (this.#own === asking) this.#own = undefined;
  }

  get #running(): Asking | undefined {
    return this.#own ?? this.#asking;
  }

  /** Receives every message of the CLI. */
  hear(message: SDKMessage): void {
    if (message.type !== "system") return;
    if (message.subtype === "task_notification") this.#agents.delete(message.task_id);
    if (message.subtype !== "task_started" || message.task_type !== "local_agent") return;
    const { task_id, parent_task_id } = message;
    const asking = (parent_task_id && this.#agents.get(parent_task_id)) || this.#running;
    if (asking !== undefined) this.#agents.set(task_id, asking);
  }

  /** The options of a process with this hook. */
  options(options: Options = {}): Options {
    const matcher: HookCallbackMatcher = {
      hooks: [this.#hook],
      timeout: HOOK_TIMEOUT_SECS,
      onFailure: "block",
    };
    // Without it, a CLI that resumes with a call of its own to settle does so at once by its own rules, where it has
    // not heard of the hook yet; with the bypass on, the call would run.
    const extraArgs = { "await-initialize": null };
    const only = [
      ...(this.questions === "only" ? [QUESTION_TOOL] : []),
      ...(this.client ? [CLIENT_TOOL_MATCHER] : []),
    ];
    const hooks =
      only.length > 0
        ? { PreToolUse: [{ ...matcher, matcher: only.join("|") }] }
        : { PreToolUse: [matcher], PreSkillShellCommand: [{ ...matcher, hooks: [this.#shellHook] }] };
    // AskUserQuestion is only there where there is such a callback; nothing gets as far as that unasked.
    if (this.decided) return { ...options, hooks, extraArgs, canUseTool: this.#inPlanMode };
    if (this.questions === "none") return { ...options, hooks, extraArgs };
    const { permissionMode, ...rest } = options;
    return {
      ...rest,
      hooks,
      // The SDK would warn that the callback is not called with the bypass on. For questions, it need not be.
      extraArgs: { ...extraArgs, ...(permissionMode !== undefined && { "permission-mode": permissionMode }) },
      canUseTool: this.#notGiven,
      // The callback brings these too, and without a decider no one could let the session leave the mode.
      disallowedTools: [...(options.disallowedTools ?? []), ...PLAN_TOOLS],
    };
  }

  readonly #hook: HookCallback = async (input, _id, { signal }) => {
    if (input.hook_event_name !== "PreToolUse") return {};
    const answer = await this.#answered(input, signal);
    if (isAllowed(answer) && UNCHANGING.has(input.tool_name) && this.#allowed.size < MAX_REMEMBERED)
      this.#allowed.add(input.tool_use_id);
    return answer;
  };

  async #answered(input: PreToolUseHookInput, signal: AbortSignal): Promise<SyncHookJSONOutput> {
    const asking = (input.agent_id && this.#agents.get(input.agent_id)) || this.#running;
    if (asking !== undefined) return asking.answer(input, signal);
    return this.decided ? answerOf({ answer: "deny", message: "No turn is running." }) : {};
  }

  /** Asked about the shell commands in the texts of slash commands and skills, which the CLI runs by its own rules. */
  readonly #shellHook: HookCallback = async (input, _id, { signal }) => {
    if (input.hook_event_name !== "PreSkillShellCommand") return {};
    const call = { ...input, hook_event_name: "PreToolUse" as const };
    const { hookSpecificOutput: said } = await this.#answered(call, signal);
    if (said?.hookEventName !== "PreToolUse") return {};
    const { hookEventName: _event, ...decision } = said;
    return { hookSpecificOutput: { hookEventName: "PreSkillShellCommand", ...decision } };
  };

  /**
   * Asked after the hook has allowed a call, and then only in plan mode: there the plan itself and questions go on as
   * they were decided, and everything that would change something is refused until a person lets the session leave the
   * mode.
   */
  readonly #inPlanMode: CanUseTool = async (_tool, input, { toolUseID }) =>
    this.#allowed.delete(toolUseID)
      ? { behavior: "allow", updatedInput: input }
      : { behavior: "deny", message: PLAN_MODE };

  /** Asked where no decider is: about calls that would be denied and listed if there were no such callback. */
  readonly #notGiven: CanUseTool = async (_tool, input, { toolUseID }) =>
    this.#allowed.delete(toolUseID)
      ? { behavior: "allow", updatedInput: input }
      : { behavior: "deny", message: NOT_GIVEN };
}

/** Passes a turn's tool calls to its decider. */
export class Asking {
  readonly #messages = new CallMessages();
  /** Calls that are being decided, by id. */
  readonly #open = new Map<string, Promise<unknown>>();
  /** The calls that are not answered, except those of client tools. */
  #waiting = { calls: 0, chars: 0 };
  /** Callbacks for when the CLI asks about a call. */
  readonly #asked = new Map<string, () => void>();
  /** The shell's directory for each call that was made outside the working directory. */
  readonly #elsewhere = new Map<string, string>();
  readonly #homes: readonly string[];
  readonly handedOver: HandedOver;

  constructor(private readonly parts: AskingOptions) {
    this.handedOver = new HandedOver(this.#messages, parts.clientCalls);
    this.#homes = spellings(parts.workdir);
  }

  /** Receives every message of the CLI. */
  take(message: SDKMessage): void {
    this.#messages.take(message);
  }

  /** Calls `late` unless the CLI asks about this call within `ms`. */
  ifNotAsked(toolUseId: string, ms: number, late: () => void): void {
    const timer = setTimeout(late, ms);
    timer.unref();
    this.#asked.set(toolUseId, () => clearTimeout(timer));
  }

  /** A denied call, with its directory if that differs from the working directory. */
  withFolder(denial: PermissionDenial): PermissionDenial {
    const cwd = this.#elsewhere.get(denial.tool_use_id);
    return cwd === undefined ? denial : { ...denial, cwd };
  }

  /** The turn is over: its process may run another one, and nothing is to be done to that. */
  close(): void {
    for (const settled of this.#asked.values()) settled();
    this.#asked.clear();
  }

  /** The hook's answer about a call. An empty answer leaves the decision to the CLI's own rules. */
  async answer(input: PreToolUseHookInput, signal: AbortSignal): Promise<SyncHookJSONOutput> {
    this.#asked.get(input.tool_use_id)?.();
    const problem = this.#notePlace(input);
    if (problem !== undefined) return answerOf({ answer: "deny", message: problem });
    const isWithdrawn = this.parts.unresolved.includes(input.tool_use_id);
    const clientTool = isWithdrawn ? undefined : clientToolOf(input.tool_name);
    if (clientTool !== undefined) return answerOf(await this.handedOver.take(clientTool, input));
    // All of it stays in memory until the call is answered.
    const { length: chars } = JSON.stringify(input);
    const { calls } = this.#waiting;
    if (calls >= MAX_WAITING || (calls > 0 && this.#waiting.chars + chars > MAX_WAITING_CHARS))
      return answerOf({ answer: "deny", message: TOO_MANY });
    this.#waiting = { calls: calls + 1, chars: this.#waiting.chars + chars };
    try {
      return await (isWithdrawn ? this.#withdraw() : this.#answer(input, signal));
    } finally {
      this.#waiting = { calls: this.#waiting.calls - 1, chars: this.#waiting.chars - chars };
    }
  }

  async #withdraw(): Promise<SyncHookJSONOutput> {
    await this.parts.interrupt().catch(() => undefined);
    return answerOf({ answer: "deny", message: "This call was withdrawn." });
  }

  async #answer(input: PreToolUseHookInput, signal: AbortSignal): Promise<SyncHookJSONOutput> {
    if (this.#comesTooLate(input)) return answerOf({ answer: "deny", message: AFTER_CLIENT_CALL });
    if (input.tool_name === OUTPUT_TOOL) return answerOf({ answer: "allow" });
    if (this.parts.decider === undefined && input.tool_name === QUESTION_TOOL) {
      const { questions } = this.parts;
      if (questions === undefined) return answerOf({ answer: "deny", message: NO_ONE_ANSWERS });
      return answerOf(await this.#decide(questions, this.#callOf(input, signal)));
    }
    if (this.parts.decider === undefined) {
      const granted = this.parts.grants.take(
        input.tool_name,
        input.tool_input,
        this.#elsewhere.get(input.tool_use_id),
      );
      if (granted) return answerOf({ answer: "allow" });
      const needsPermission = await this.parts.needsPermission?.(this.#callOf(input, signal));
      return needsPermission === true ? NEEDS_PERMISSION : {};
    }
    return answerOf(await this.#decide(this.parts.decider, this.#callOf(input, signal)));
  }

  /** Remembers where a call is made; returns why it can't. */
  #notePlace({ tool_use_id: id, tool_name, cwd }: PreToolUseHookInput): string | undefined {
    if (!isName(id) || !isName(tool_name) || typeof cwd !== "string" || cwd.length > MAX_PATH_CHARS)
      return TOO_LONG;
    if (this.#homes.includes(cwd)) return undefined;
    if (this.#elsewhere.size >= MAX_REMEMBERED && !this.#elsewhere.has(id)) return TOO_MANY_ELSEWHERE;
    this.#elsewhere.set(id, cwd);
    return undefined;
  }

  /** Whether the turn ends with calls of client tools before this one. */
  #comesTooLate({ agent_id }: PreToolUseHookInput): boolean {
    return agent_id === undefined && this.handedOver.calls.length > 0;
  }

  async #decide(decider: CallDecider, call: AskedCall): Promise<CallAnswer> {
    const deciding = decider.decide(call);
    this.#open.set(call.toolUseId, deciding);
    try {
      const answer = await deciding;
      if (answer.answer === "allow") {
        this.parts.grants.take(call.tool, answer.input ?? call.input, this.#elsewhere.get(call.toolUseId));
      }
      return answer;
    } finally {
      this.#open.delete(call.toolUseId);
    }
  }

  #callOf(input: PreToolUseHookInput, signal: AbortSignal): AskedCall {
    return {
      toolUseId: input.tool_use_id,
      tool: input.tool_name,
      input: isObject(input.tool_input) ? input.tool_input : { input: input.tool_input },
      cwd: this.#elsewhere.get(input.tool_use_id) ?? this.parts.workdir,
      agentId: input.agent_id,
      held: input.agent_id !== undefined || this.parts.parks === false,
      signal,
      untilLast: () => this.#untilLast(input),
    };
  }

  /**
   * The CLI keeps one call of a message, the last that is deferred, and drops any other without a word. So only the
   * message's last call may be, and only when every other one is settled; and not while a subagent needs the process.
   */
  async #untilLast({ tool_use_id: id, agent_id }: PreToolUseHookInput): Promise<boolean> {
    if (agent_id !== undefined || this.parts.parks === false) return false;
    if (this.handedOver.calls.length > 0) return false;
    const calls = await this.#messages.siblingsOf(id, MESSAGE_END_MS);
    if (calls?.at(-1) !== id) return false;
    const others = [...this.#open].filter(([other]) => other !== id && calls.includes(other));
    await Promise.allSettled(others.map(([, deciding]) => deciding));
    await this.#messages.untilAlone();
    return true;
  }
}

/** The spellings of a directory: as it is named, and as the CLI reports the shell's directory. */
function spellings(folder: string): string[] {
  try {
    return [folder, realpathSync.native(folder)];
  } catch {
    // It is gone: the turn fails by that.
    return [folder];
  }
}

/** What plan mode is for: asking, and showing the plan to whoever lets it be carried out. */
const UNCHANGING: ReadonlySet<string> = new Set(["ExitPlanMode", QUESTION_TOOL, OUTPUT_TOOL]);
const PLAN_MODE =
  "The session is in plan mode, where nothing is changed. It leaves that mode when ExitPlanMode is allowed.";

function isAllowed({ hookSpecificOutput: said }: SyncHookJSONOutput): boolean {
  return said?.hookEventName === "PreToolUse" && said.permissionDecision === "allow";
}

const AFTER_CLIENT_CALL =
  "This call was not run, because calls of other tools in the same message come first. Repeat it if you still need it.";
const TOO_MANY = "Too many calls wait for a decision. Repeat this one once others are decided.";
const TOO_LONG = `A call must have at most ${MAX_NAME_CHARS} characters in its id and in its name, and ${MAX_PATH_CHARS} in its directory.`;
const TOO_MANY_ELSEWHERE = "Too many calls of this turn were made outside its working directory.";
const NOT_GIVEN = "This call needs permission, which has not been given yet.";
const NO_ONE_ANSWERS =
  "No one can answer questions in this turn. Go on without the answer, or ask in the answer's text.";

/** Since there is no one to ask, the CLI denies such a call and lists it. */
const NEEDS_PERMISSION: SyncHookJSONOutput = {
  hookSpecificOutput: {
    hookEventName: "PreToolUse",
    permissionDecision: "ask",
    permissionDecisionReason: NOT_GIVEN,
  },
};

function answerOf(answer: CallAnswer): SyncHookJSONOutput {
  const hookEventName = "PreToolUse" as const;
  switch (answer.answer) {
    case "allow": {
      const changed = answer.input === undefined ? {} : { updatedInput: { ...answer.input } };
      return { hookSpecificOutput: { hookEventName, permissionDecision: "allow" as const, ...changed } };
    }
    case "deny":
      return {
        hookSpecificOutput: {
          hookEventName,
          permissionDecision: "deny" as const,
          permissionDecisionReason: answer.message,
        },
      };
    case "defer":
      return { hookSpecificOutput: { hookEventName, permissionDecision: "defer" as const } };
  }
}
