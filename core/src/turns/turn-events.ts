import { kindOf, TurnStream } from "@claudeway/events";
import type { TurnEvent, TurnUsage, WorkEvent } from "@claudeway/ports";
import type { EventKind } from "@claudeway/schemas";
import type { TurnProgress } from "./progress.js";
import type { TurnContext, TurnRequest } from "./request.js";
import type { TurnRecorder } from "./turn-recorder.js";
import { addUsage } from "./usage.js";

/** Sends the events of one turn to its stream, to clients that follow its session, and to plugins. */
export class TurnEvents {
  readonly stream: TurnStream;
  #usageReported: Promise<void> = Promise.resolve();

  constructor(
    private readonly request: TurnRequest,
    private readonly context: Pick<TurnContext, "events" | "kernel" | "log">,
    private readonly recorder: TurnRecorder,
    private readonly progress: Readonly<Pick<TurnProgress, "plan">>,
  ) {
    this.stream = new TurnStream(request.continues?.parked.stream);
    context.events.began(request.info);
  }

  /** Resolves when every usage so far has been reported. Never rejects. */
  get usageReported(): Promise<void> {
    return this.#usageReported;
  }

  /** Whether a client of the turn or of its session, or a plugin, gets events of this kind. */
  wants(kind: EventKind): boolean {
    const { events, kernel } = this.context;
    const isNamed = this.progress.plan.events?.includes(kind) === true;
    return isNamed || events.has(this.request.info.sessionId) || kernel.hooks.event.isUsed();
  }

  /** Sends an event that every stream of the turn has. */
  emit(event: TurnEvent): void {
    this.stream.push(event);
    this.#publish(event);
  }

  /** Sends an event that the turn's stream has only if its request names the kind. */
  report(event: WorkEvent): void {
    const kind = kindOf(event);
    if (kind !== undefined && this.progress.plan.events?.includes(kind)) this.stream.push(event);
    this.#publish(event);
  }

  /** Reports the usage so far, at learned prices. Finding those is asynchronous; the turn's end waits for it. */
  reportUsage(usage: TurnUsage): void {
    const { continues, info } = this.request;
    const all = continues === undefined ? usage : addUsage(continues.usage, usage);
    this.#usageReported = this.#usageReported
      .then(() => this.recorder.priced({ usage: all }))
      .then(({ tokens, costUsd }) => this.report({ type: "usage", data: { tokens, cost_usd: costUsd } }))
      .catch((error: unknown) => {
        this.context.log.error({ err: error, turn_id: info.id }, "a turn's usage could not be reported");
      });
  }

  #publish(event: TurnEvent): void {
    this.context.events.turnEvent(event, this.request.info);
    this.context.kernel.notify("event", event, this.request.info);
  }
}
