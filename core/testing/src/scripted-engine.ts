import { randomUUID } from "node:crypto";
import { CONVERSATION_LOST, NEVER_STARTED } from "@claudeway/engine-claude";
import type {
  BackgroundTask,
  CommandName,
  Engine,
  EngineListener,
  EngineResult,
  EngineTurn,
  ModelName,
} from "@claudeway/ports";
import { Performance } from "./performance.js";
import { ECHO, type Script, type ScriptedTurn } from "./script.js";

/** The number of turns kept in `ran`, and of prompts kept per session. */
const REMEMBERED = 1000;

/** An engine in memory, without a process, a model or costs. It plays a script instead of running the CLI. */
export class ScriptedEngine implements Engine {
  /** The last 1000 turns that it ran. */
  readonly ran: ScriptedTurn[] = [];
  readonly #script: Script;
  /** The earlier prompts of each session. */
  readonly #prompts = new Map<string, string[]>();
  /** Parked turns, by session. */
  readonly #parked = new Map<string, Performance>();
  #running = 0;

  constructor(script: string | Script = ECHO) {
    this.#script = typeof script === "string" ? () => script : script;
  }

  get processes(): number {
    return this.#running;
  }

  async run(turn: EngineTurn, listener: EngineListener, stop: AbortSignal): Promise<EngineResult> {
    if (stop.aborted) return NEVER_STARTED;
    this.#running++;
    try {
      if (turn.unresolved.length > 0) listener.settledUnresolved();
      const performance = await this.#performanceOf(turn);
      if (performance === undefined) return CONVERSATION_LOST;
      const result = await performance.goOn(turn, listener, stop);
      if (result.end === "parked" || result.failure?.code === "USAGE_LIMIT")
        this.#parked.set(turn.info.sessionId, performance);
      return result;
    } finally {
      this.#running--;
    }
  }

  listen(): void {}

  background(): readonly BackgroundTask[] {
    return [];
  }

  async models(): Promise<readonly ModelName[]> {
    return [
      { id: "sonnet", name: "Scripted Sonnet" },
      { id: "opus", name: "Scripted Opus" },
    ];
  }

  async commands(): Promise<readonly CommandName[]> {
    return [
      { name: "compact", description: "Summarises the conversation", argumentHint: "" },
      { name: "review", description: "Reviews a file", argumentHint: "<file>" },
    ];
  }

  async login(): Promise<string> {
    return "scripted";
  }

  taskId(): string {
    return randomUUID();
  }

  abandon(): void {}

  async release(sessionId: string): Promise<void> {
    this.#prompts.delete(sessionId);
    this.#parked.delete(sessionId);
  }

  async retire(): Promise<void> {}

  async close(): Promise<void> {
    this.#prompts.clear();
    this.#parked.clear();
  }

  /** The performance of a parked turn, or a new one. A new turn of a session discards its parked one. */
  async #performanceOf(turn: EngineTurn): Promise<Performance | undefined> {
    const { sessionId } = turn.info;
    const parked = this.#parked.get(sessionId);
    this.#parked.delete(sessionId);
    if (turn.parkedCall !== undefined || turn.promptSent === true) return parked;
    const scripted = this.#remember(turn);
    return Performance.of(await this.#script(scripted));
  }

  #remember({ info, plan, spawn, approvalMode }: EngineTurn): ScriptedTurn {
    const before = this.#prompts.get(info.sessionId) ?? [];
    // One-shot tasks have no further turn.
    if (info.kind === "session") {
      this.#prompts.set(info.sessionId, [...before, plan.prompt].slice(-REMEMBERED));
    }
    const turn = { prompt: plan.prompt, info, plan, spawn, approvalMode, earlier: before };
    this.ran.push(turn);
    if (this.ran.length > REMEMBERED) this.ran.shift();
    return turn;
  }
}
