import type { SDKMessage, SDKResultMessage } from "@anthropic-ai/claude-agent-sdk";
import { isObject } from "@claudeway/schemas";
import { LimitWatch } from "./failures.js";
import { checkNames } from "./message-names.js";
import { BackgroundTasks, type TaskNotice } from "./tasks.js";

/** Receives the messages of one turn, and its result. */
export interface TurnHearer {
  /** Any message but the result. */
  take(message: SDKMessage): void;
  finish(result: SDKResultMessage): void;
  /** The process's output has ended. `error`: why, if it broke off. */
  end(error: unknown): void;
}

/** Receives the messages of a turn that the CLI began by itself. */
export interface BackgroundHearer extends TurnHearer {
  /** What began it, as soon as that is known. */
  about(notice: TaskNotice): void;
  /** The CLI has merged a prompt into this turn: further messages answer that prompt. */
  fold(): void;
}

/** The owner of the process. */
export interface ReaderOwner {
  /** Called with every message of the CLI. */
  heard(message: SDKMessage): void;
  /** A message of a background subagent, which belongs to no running turn. */
  agentSaid(message: SDKMessage): void;
  /** A message that belongs to no turn. */
  saidBetween(message: SDKMessage): void;
  /** The CLI begins a turn by itself. */
  begin(): BackgroundHearer;
  /** What runs in the background has changed. */
  tasksChanged(): void;
  /** The CLI has come to rest: it runs no turn of its own. */
  rested(): void;
  /** The CLI numbers its results; `missed` of them never came. */
  lostResults(missed: number): void;
  /** A result of a prompt that no turn waits for any more. */
  stray(result: SDKResultMessage): void;
}

/** The turn that is served, with the id of its prompt once that was sent. */
interface Served {
  readonly hearer: TurnHearer;
  uuid: string | undefined;
  /** The CLI has begun to process its prompt. */
  begun: boolean;
}

/**
 * If the CLI does not report that it is idle (a subagent is still running), a turn about a notice begins within this
 * time, in ms.
 */
const TURN_DUE_MS = 1000;
/** Turns that a CLI may begin by itself within some time, in ms: each is recorded, and tools may speak for the CLI. */
const MAX_OWN_TURNS = 100;
const OWN_TURNS_MS = 10_000;
/** Tasks that a CLI may start, also in the foreground: some are known for as long as it lives. */
const MAX_TASKS = 50_000;

/**
 * Reads what a process says, for as long as it lives, and gives each message to whom it belongs: the turn that runs,
 * or one that the CLI began by itself. The CLI names a prompt's id in what it says to it, and the origin of a turn that
 * is not a prompt's; one turn runs at a time, from `init` to its result.
 */
export class ProcessReader {
  readonly tasks = new BackgroundTasks();
  readonly limits = new LimitWatch();
  #owner: ReaderOwner | undefined;
  #served: Served | undefined;
  #background: BackgroundHearer | undefined;
  /** The CLI runs a turn that is not the served one. */
  #ownTurn = false;
  #nextResult = 0;
  /** When the CLI began the latest turns by itself. */
  #begun: readonly number[] = [];
  #tasksStarted = 0;
  #quiet: (() => void)[] = [];
  #dueTimer: NodeJS.Timeout | undefined;
  /** Since the last message; or it began a turn of its own with this one. */
  #wasBusy = false;
  #ended: { readonly error: unknown } | undefined;

  /** Sets the receiver for everything outside the served turn. */
  own(owner: ReaderOwner): void {
    this.#owner = owner;
  }

  /** From now on, whatever the CLI has not begun by itself is this turn's. */
  serve(hearer: TurnHearer): void {
    this.#served = { hearer, uuid: undefined, begun: true };
    if (this.#ended !== undefined) hearer.end(this.#ended.error);
  }

  /**
   * Sets the id of the served turn's prompt. No message belongs to the turn until the CLI begins to process the
   * prompt.
   */
  expect(uuid: string): void {
    if (this.#served !== undefined) Object.assign(this.#served, { uuid, begun: false });
  }

  /** The served turn is over. */
  release(): void {
    this.#served = undefined;
  }

  get hasEnded(): boolean {
    return this.#ended !== undefined;
  }

  /** Whether the CLI runs a turn of its own, or is about to. */
  get isBusy(): boolean {
    return this.#ended === undefined && (this.#ownTurn || this.tasks.hasPending);
  }

  /**
   * Resolves when the CLI runs no turn of its own and is not about to begin one, or when its output has ended. Undefined: that
   * is so already.
   */
  quiet(): Promise<void> | undefined {
    if (!this.isBusy) return undefined;
    return new Promise((resolve) => {
      this.#quiet.push(resolve);
    });
  }

  /** Throws if it is nothing that a CLI says: the rest is not read. */
  take(message: SDKMessage): void {
    checkNames(message);
    this.#countTask(message);
    this.#owner?.heard(message);
    this.limits.take(message);
    if (this.tasks.take(message)) this.#owner?.tasksChanged();
    const served = this.#served;
    if (served?.uuid !== undefined && !served.begun && uuidsIn(message).includes(served.uuid))
      this.#takeUp(served);
    if (message.type === "result") this.#finish(message, uuidsIn(message));
    else if (this.tasks.isAgent(launchOf(message))) this.#owner?.agentSaid(message);
    else this.#give(message);
    if (isIdle(message)) this.tasks.settle();
    this.#settle();
  }

  /** The output of the process has ended. */
  end(error: unknown): void {
    this.#ended = { error };
    this.#ownTurn = false;
    this.#background?.end(error);
    this.#background = undefined;
    this.#served?.hearer.end(error);
    this.#tellQuiet();
  }

  #countTask(message: SDKMessage): void {
    if (message.type !== "system" || message.subtype !== "task_started") return;
    if (++this.#tasksStarted > MAX_TASKS) throw new Error(`a CLI must start at most ${MAX_TASKS} tasks`);
  }

  /** The CLI has begun to process the served turn's prompt: in a new turn, or in one that it had begun by itself. */
  #takeUp(served: Served): void {
    served.begun = true;
    this.#ownTurn = false;
    this.#background?.fold();
    this.#background = undefined;
  }

  #give(message: SDKMessage): void {
    if (this.#served?.begun === true) this.#served.hearer.take(message);
    else {
      if (isInit(message)) this.#ownTurn = true;
      if (this.#background === undefined && isWork(message)) this.#begin();
      if (this.#background !== undefined) this.#background.take(message);
      else this.#owner?.saidBetween(message);
    }
  }

  /** Throws if there are too many: the rest is not read. */
  #begin(): BackgroundHearer | undefined {
    const now = performance.now();
    this.#begun = [...this.#begun.filter((at) => now - at < OWN_TURNS_MS), now];
    if (this.#begun.length > MAX_OWN_TURNS) throw new Error("the CLI begins too many turns by itself");
    this.#ownTurn = true;
    this.#wasBusy = true;
    this.#background = this.#owner?.begin();
    return this.#background;
  }

  #finish(result: SDKResultMessage, uuids: readonly string[]): void {
    this.#count(result);
    const served = this.#served;
    const isPrompts = result.origin === undefined || result.origin.kind === "human";
    const isMine = served?.uuid === undefined || uuids.length === 0 ? isPrompts : uuids.includes(served.uuid);
    if (served !== undefined && isMine) served.hearer.finish(result);
    else if (isPrompts) this.#owner?.stray(result);
    else this.#finishOwn(result);
  }

  #finishOwn(result: SDKResultMessage): void {
    // A notice without text for the model produces only a result.
    const background = this.#background ?? this.#begin();
    const { origin } = result;
    const runId = origin?.kind === "task-notification" ? origin.runId : undefined;
    const notice = this.tasks.heard(runId);
    if (notice !== undefined) background?.about(notice);
    this.#background = undefined;
    this.#ownTurn = false;
    background?.finish(result);
  }

  #count({ result_index }: SDKResultMessage): void {
    if (result_index === undefined) return;
    if (result_index > this.#nextResult) this.#owner?.lostResults(result_index - this.#nextResult);
    this.#nextResult = result_index + 1;
  }

  /** Resolves the waiting `quiet` calls once the CLI is idle. */
  #settle(): void {
    const wasBusy = this.#wasBusy;
    this.#wasBusy = this.isBusy;
    if (!wasBusy && !this.#wasBusy) return;
    if (!this.#wasBusy) this.#tellQuiet();
    else if (this.#ownTurn) this.#stopWaiting();
    else {
      this.#dueTimer ??= setTimeout(() => {
        this.tasks.settle();
        this.#tellQuiet();
      }, TURN_DUE_MS);
    }
  }

  #stopWaiting(): void {
    clearTimeout(this.#dueTimer);
    this.#dueTimer = undefined;
  }

  #tellQuiet(): void {
    this.#stopWaiting();
    this.#owner?.rested();
    for (const resolve of this.#quiet.splice(0)) resolve();
  }
}

/** The ids of the prompts that a message belongs to. */
function uuidsIn(message: SDKMessage): readonly string[] {
  const fields: unknown = message;
  if (!isObject(fields)) return [];
  const { type, state, command_uuid, user_message_uuid: one, user_message_uuids: all } = fields;
  // The CLI reports every prompt that it queues; it begins the prompt only with `started`.
  if (type === "command_lifecycle") return state === "started" ? textsIn([command_uuid]) : [];
  return textsIn([...(Array.isArray(all) ? all : []), one]);
}

function textsIn(values: readonly unknown[]): string[] {
  return values.filter((value) => typeof value === "string");
}

/** The call that launched the subagent of a message; null for the main agent's messages and the CLI's own. */
function launchOf(message: SDKMessage): string | null {
  const isSpoken = message.type === "stream_event" || message.type === "assistant" || message.type === "user";
  return isSpoken ? message.parent_tool_use_id : null;
}

function isInit(message: SDKMessage): boolean {
  return message.type === "system" && message.subtype === "init";
}

function isIdle(message: SDKMessage): boolean {
  return message.type === "system" && message.subtype === "session_state_changed" && message.state === "idle";
}

/** Whether the main agent is at work with this message. A subagent may be at any time. */
function isWork(message: SDKMessage): boolean {
  if (message.type === "system") return message.subtype === "status" && message.status === "requesting";
  const isSpoken = message.type === "stream_event" || message.type === "assistant";
  return isSpoken && message.parent_tool_use_id === null;
}
