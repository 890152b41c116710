import type { SDKMessage, SDKResultMessage } from "@anthropic-ai/claude-agent-sdk";
import type {
  BackgroundTurn,
  BackgroundTurnTerms,
  CallAnswer,
  EngineListener,
  EngineResult,
  EngineTurn,
  UnaskedCall,
} from "@claudeway/ports";
import type { PermissionDenial } from "@claudeway/schemas";
import { Asking, type CallHook } from "./asking.js";
import { DeliveredUsage } from "./delivered-usage.js";
import { untilReported } from "./endings.js";
import { EventReading } from "./event-reading.js";
import { Grants } from "./grants.js";
import { LateListener } from "./late-listener.js";
import type { ClaudeProcess } from "./process.js";
import type { BackgroundHearer } from "./reader.js";
import { TurnReading, type TurnReport } from "./reading.js";
import type { TaskNotice } from "./tasks.js";

export interface BackgroundAttemptParts {
  readonly after: EngineTurn;
  readonly child: ClaudeProcess;
  /** The hook for the process's calls; undefined if it asks about none. */
  readonly hook: CallHook | undefined;
  /**
   * Called at the end of the turn: with its report, when its process ended, or when it became the answer to a prompt.
   */
  readonly over: (attempt: BackgroundAttempt, how: TurnReport | "died" | "folded") => void;
}

/** A turn that the CLI began by itself. It is read from its first message on, even before `run` is called. */
export class BackgroundAttempt implements BackgroundHearer, BackgroundTurn {
  readonly began = new Date();
  readonly listener = new LateListener();
  readonly reading: TurnReading;
  readonly #events: EventReading;
  readonly #grants = new Grants([]);
  readonly #asking: Asking | undefined;
  readonly #terms: Promise<BackgroundTurnTerms>;
  #setTerms: (terms: BackgroundTurnTerms) => void = () => undefined;
  readonly #result: Promise<EngineResult>;
  #resolve: (result: EngineResult) => void = () => undefined;
  #notice: TaskNotice | undefined;
  #stopped = false;

  constructor(private readonly parts: BackgroundAttemptParts) {
    const { child, hook, after } = parts;
    this.#events = new EventReading(this.listener, child.reader.tasks);
    this.reading = new TurnReading(this.listener, new DeliveredUsage(), child.reader.limits);
    this.#terms = new Promise((resolve) => {
      this.#setTerms = resolve;
    });
    this.#result = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.#asking =
      hook &&
      new Asking({
        decider: after.approvalMode === "ask" ? { decide: (call) => this.#decide(call) } : undefined,
        needsPermission: (call) => this.#needsPermission(call),
        unresolved: [],
        grants: this.#grants,
        interrupt: () => child.interrupt(),
        workdir: after.plan.workdir,
        parks: false,
      });
    hook?.serveOwn(this.#asking);
  }

  get after(): EngineTurn {
    return this.parts.after;
  }

  /** The CLI's notice to the model; there may be nothing else. */
  get summary(): string {
    return this.#notice?.summary ?? "";
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** A denied call, with the folder it was made in where that is not the working directory. */
  withFolder(denial: PermissionDenial): PermissionDenial {
    return this.#asking?.withFolder(denial) ?? denial;
  }

  async run(terms: BackgroundTurnTerms, listener: EngineListener, stop: AbortSignal): Promise<EngineResult> {
    const { child } = this.parts;
    this.#setTerms(terms);
    this.listener.attach(listener);
    const note = await child.note();
    if (note !== undefined) listener.process(note);
    const stopping = () => {
      this.#stopped = true;
    };
    if (stop.aborted) stopping();
    stop.addEventListener("abort", stopping, { once: true });
    try {
      return await untilReported(child, this.#result, stop);
    } finally {
      stop.removeEventListener("abort", stopping);
    }
  }

  take(message: SDKMessage): void {
    this.#asking?.take(message);
    this.reading.take(message);
    this.#events.take(message);
  }

  about(notice: TaskNotice): void {
    this.#notice = notice;
  }

  finish(result: SDKResultMessage): void {
    this.#close();
    this.parts.over(this, this.reading.finish(result));
  }

  end(): void {
    this.#close();
    this.parts.over(this, "died");
  }

  fold(): void {
    this.#close();
    this.parts.over(this, "folded");
  }

  /** Gives the turn its end. */
  settle(result: EngineResult): void {
    this.#resolve(result);
  }

  #close(): void {
    this.#asking?.close();
    if (this.#asking !== undefined) this.parts.hook?.leave(this.#asking);
  }

  async #decide(
    call: Parameters<NonNullable<BackgroundTurnTerms["decider"]>["decide"]>[0],
  ): Promise<CallAnswer> {
    const { decider } = await this.#terms;
    return (
      decider?.decide(call) ?? { answer: "deny", message: "There is no decider for the calls of this turn." }
    );
  }

  async #needsPermission(call: UnaskedCall): Promise<boolean> {
    const { needsPermission } = await this.#terms;
    return needsPermission?.(call) ?? false;
  }
}
