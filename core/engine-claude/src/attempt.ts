import type { SDKMessage, SDKResultMessage } from "@anthropic-ai/claude-agent-sdk";
import type { EngineListener, EngineResult, EngineTurn, ProcessStart, TurnOptions } from "@claudeway/ports";
import type { Logger } from "pino";
import type { TurnAccount } from "./accounts.js";
import { Asking, type CallHook } from "./asking.js";
import { DeliveredUsage } from "./delivered-usage.js";
import { EventReading } from "./event-reading.js";
import { Grants } from "./grants.js";
import type { ClaudeProcess } from "./process.js";
import type { PromptMessage } from "./prompt-message.js";
import type { TurnHearer } from "./reader.js";
import { lacksConversation, TurnReading, type TurnReport } from "./reading.js";
import type { LaunchSpec } from "./spares.js";

/** A resumed CLI that has not asked about the call that it kept after this long does not have it, in ms. */
const KEPT_CALL_MS = 60_000;
/**
 * The same where it may well have settled the call before it ended: a caller waits for this. Late, it is denied too.
 */
const MAYBE_KEPT_CALL_MS = 8_000;

export interface AttemptParts {
  readonly turn: EngineTurn;
  /** The turn's prompt; of a turn that was parked the CLI has it. */
  readonly message: PromptMessage;
  /** The conversation has the prompt, which the CLI takes up by itself when it resumes. */
  readonly placed?: boolean;
  /** What its process was started with; undefined if the process can't be shared with other turns. */
  readonly launchSpec: LaunchSpec | undefined;
  readonly child: ClaudeProcess;
  /** The hook for the process's calls; undefined if it asks about none. */
  readonly hook: CallHook | undefined;
  /** The CLI's session was resumed. */
  readonly resume: boolean;
  readonly listener: EngineListener;
  /** When the engine began to look for a process (`performance.now()`), and which it found. */
  readonly start: { readonly began: number; readonly process: ProcessStart };
  readonly log: Logger;
}

/** One try at a turn, in one process. */
export class Attempt implements TurnHearer {
  readonly began = new Date();
  readonly reading: TurnReading;
  readonly #events: EventReading;
  readonly grants: Grants;
  readonly asking: Asking | undefined;
  /** True while the CLI still settles a call of an earlier turn, which gives a result of its own. */
  #awaitsUnresolved: boolean;
  #report: (report: TurnReport | undefined) => void = () => undefined;

  constructor(readonly parts: AttemptParts) {
    const { turn, child, hook, resume, listener } = parts;
    this.reading = new TurnReading(listener, new DeliveredUsage(), child.reader.limits);
    this.#events = new EventReading(listener, child.reader.tasks);
    this.grants = new Grants(turn.granted);
    this.#awaitsUnresolved = turn.unresolved.length > 0 && resume;
    this.asking =
      hook &&
      new Asking({
        decider: turn.decider,
        questions: turn.questions,
        needsPermission: turn.needsPermission,
        clientCalls: clientCallsOf(turn.plan.options),
        unresolved: turn.unresolved.map(({ toolUseId }) => toolUseId),
        workdir: turn.plan.workdir,
        parks: turn.decider !== undefined,
        grants: this.grants,
        interrupt: () => child.interrupt(),
      });
    hook?.serve(this.asking);
  }

  /** Sends the prompt, once unresolved calls are settled. Resolves to the turn's report; undefined if there is none. */
  begin(): Promise<TurnReport | undefined> {
    const reported = new Promise<TurnReport | undefined>((resolve) => {
      this.#report = resolve;
    });
    this.parts.child.reader.serve(this);
    if (!this.#awaitsUnresolved) this.#send();
    else {
      for (const { toolUseId, certain } of this.parts.turn.unresolved)
        this.asking?.ifNotAsked(toolUseId, certain ? KEPT_CALL_MS : MAYBE_KEPT_CALL_MS, () => {
          if (this.#awaitsUnresolved) this.#send();
        });
    }
    return reported;
  }

  take(message: SDKMessage): void {
    if (this.parts.turn.approvalMode === "bypass") this.grants.hear(message);
    this.asking?.take(message);
    this.reading.take(message);
    this.#events.take(message);
  }

  /** Ends the turn. Subagents that it launched into the background still ask through it. */
  close(): void {
    const { child, hook } = this.parts;
    child.reader.release();
    this.asking?.close();
    if (this.asking !== undefined) hook?.leave(this.asking);
  }

  finish(result: SDKResultMessage): void {
    this.asking?.take(result);
    // Without a conversation there is no call to settle either: the process ends.
    if (this.#awaitsUnresolved && !lacksConversation(result)) this.#send();
    else this.#report(this.reading.finish(result));
  }

  end(error: unknown): void {
    const { turn, child, log } = this.parts;
    if (error !== undefined) {
      const stderr = child.complaints;
      log.warn({ err: error, turn_id: turn.info.id, stderr }, "the CLI ended without a result");
    }
    this.#report(undefined);
  }

  /** What is measured of the turn. */
  figures(): Pick<EngineResult, "toolCalls" | "firstTokenMs" | "process"> {
    const { began, process } = this.parts.start;
    const { toolCalls, firstOutputAt } = this.reading;
    const firstTokenMs = firstOutputAt === undefined ? undefined : Math.round(firstOutputAt - began);
    return { toolCalls, firstTokenMs, process };
  }

  /** The turn's streamed usage so far, to be settled against the process's totals. */
  account(): TurnAccount {
    const { turn, listener } = this.parts;
    return {
      before: turn.totals,
      // The mode that a turn asks for is the turn's, not the session's.
      planMode: turn.plan.options?.permissionMode === "plan" ? undefined : this.reading.planMode,
      delivered: this.reading.delivered,
      calls: this.asking?.handedOver.waiting ?? [],
      report: (totals) => listener.totals(totals),
    };
  }

  /** Sends the prompt; of a turn that was parked the CLI has it, and asks about the call that it kept. */
  #send(): void {
    const { turn, child, listener, message } = this.parts;
    // Also where a new conversation begins: it has none of these calls.
    if (turn.unresolved.length > 0) listener.settledUnresolved();
    this.#awaitsUnresolved = false;
    if (turn.parkedCall !== undefined) {
      this.asking?.ifNotAsked(turn.parkedCall, KEPT_CALL_MS, () => void child.end("now"));
      return;
    }
    child.reader.expect(message.uuid);
    if (this.parts.placed !== true) child.send(message);
  }
}

function clientCallsOf({
  clientTools,
  singleClientCall,
}: TurnOptions = {}): "parallel" | "single" | undefined {
  if (clientTools === undefined) return undefined;
  return singleClientCall === true ? "single" : "parallel";
}
