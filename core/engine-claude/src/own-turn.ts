import type { SDKMessage, SDKResultMessage } from "@anthropic-ai/claude-agent-sdk";
import type {
  CallAnswer,
  EngineListener,
  EngineResult,
  EngineTurn,
  OwnTurn,
  OwnTurnTerms,
  UnaskedCall,
} from "@claudeway/core/ports";
import { Asking, type CallHook } from "./asking.js";
import { untilReported } from "./endings.js";
import { Grants } from "./grants.js";
import { LateListener } from "./late-listener.js";
import type { ClaudeProcess } from "./process.js";
import type { BackgroundHearer } from "./reader.js";
import { TurnReading, type TurnReport } from "./reading.js";
import type { TaskNotice } from "./tasks.js";

export interface OwnAttemptParts {
  readonly after: EngineTurn;
  readonly child: ClaudeProcess;
  /** What the process asks about its calls; undefined: it asks about none. */
  readonly hook: CallHook | undefined;
  /** The turn has come to its result, to nothing (its process has ended), or went on as the answer to a prompt. */
  readonly over: (attempt: OwnAttempt, how: TurnReport | "died" | "folded") => void;
}

/** A turn that the CLI has begun by itself, read from its first message on, whenever somebody takes it over. */
export class OwnAttempt implements BackgroundHearer, OwnTurn {
  readonly listener = new LateListener();
  readonly reading = new TurnReading(this.listener);
  readonly #grants = new Grants([]);
  readonly #asking: Asking | undefined;
  readonly #terms: Promise<OwnTurnTerms>;
  #setTerms: (terms: OwnTurnTerms) => void = () => undefined;
  readonly #result: Promise<EngineResult>;
  #resolve: (result: EngineResult) => void = () => undefined;
  #notice: TaskNotice | undefined;
  #stopped = false;

  constructor(private readonly parts: OwnAttemptParts) {
    const { child, hook, after } = parts;
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
    hook?.serve(this.#asking);
  }

  get after(): EngineTurn {
    return this.parts.after;
  }

  /** What the CLI had to say to the model; it may be all that there is. */
  get summary(): string {
    return this.#notice?.summary ?? "";
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  async run(terms: OwnTurnTerms, listener: EngineListener, stop: AbortSignal): Promise<EngineResult> {
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

  async #decide(call: Parameters<NonNullable<OwnTurnTerms["decider"]>["decide"]>[0]): Promise<CallAnswer> {
    const { decider } = await this.#terms;
    return decider?.decide(call) ?? { answer: "deny", message: "Nobody decides on this turn's calls." };
  }

  async #needsPermission(call: UnaskedCall): Promise<boolean> {
    const { needsPermission } = await this.#terms;
    return needsPermission?.(call) ?? false;
  }
}
