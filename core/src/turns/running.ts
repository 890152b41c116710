import type { BackgroundTurn, StopReason } from "@claudeway/ports";
import { shuttingDown, unlessAborted } from "@claudeway/scheduling";
import type { TurnContext, TurnRequest } from "./request.js";
import { Turn } from "./turn.js";

/** The turns that have begun and have not ended or parked. */
export class RunningTurns {
  readonly #turns = new Map<string, Turn>();
  #parked: (turnId: string) => void = () => undefined;
  readonly #drained: (() => void)[] = [];
  #closed = false;

  readonly #context: TurnContext;

  constructor(context: Omit<TurnContext, "waitForBackgroundTurns">) {
    this.#context = {
      ...context,
      waitForBackgroundTurns: (sessionId, stop) => this.waitForBackgroundTurns(sessionId, stop),
    };
  }

  /** Starts a turn. Throws UNAVAILABLE once the gateway closes. */
  start(request: TurnRequest): Turn {
    this.checkOpen();
    return this.#add(request);
  }

  /**
   * Follows a turn that the CLI began by itself. Allowed while the gateway closes: it costs money and must be recorded.
   */
  follow(request: TurnRequest & { readonly background: BackgroundTurn }): Turn {
    return this.#add(request);
  }

  /** Waits until no turn that the CLI began by itself runs in the session. Rejects with the signal's reason. */
  async waitForBackgroundTurns(sessionId: string, stop: AbortSignal): Promise<void> {
    for (;;) {
      const own = this.ofSession(sessionId).filter(({ info }) => info.origin === "background");
      if (own.length === 0) return;
      const ended = Promise.all(own.map((turn) => turn.ended)).then(() => undefined);
      await unlessAborted(ended, stop);
    }
  }

  #add(request: TurnRequest): Turn {
    const { pluginFields } = request.plan.options ?? {};
    const info = pluginFields === undefined ? request.info : { ...request.info, pluginFields };
    const turn = new Turn({ ...request, info }, this.#context);
    this.#turns.set(turn.info.id, turn);
    void turn.ended.then(({ outcome }) => {
      this.#turns.delete(turn.info.id);
      this.#context.login.turnEnded(outcome);
      if (outcome.end === "parked") this.#parked(turn.info.id);
      if (this.#turns.size === 0) for (const resolve of this.#drained.splice(0)) resolve();
    });
    return turn;
  }

  /** Refuses new turns from now on. */
  close(): void {
    this.#closed = true;
  }

  /** Throws UNAVAILABLE once no more turns may begin. */
  checkOpen(): void {
    if (this.#closed) throw shuttingDown();
    this.checkLedger();
  }

  /** Throws UNAVAILABLE while the ledger's file is missing, since writes would be lost. */
  checkLedger(): void {
    this.#context.checkLedger();
  }

  /** Calls the listener with the id of each turn that parked, after its removal from this collection. */
  onParked(listener: (turnId: string) => void): void {
    this.#parked = listener;
  }

  get(id: string): Turn | undefined {
    return this.#turns.get(id);
  }

  ofSession(sessionId: string): Turn[] {
    return [...this.#turns.values()].filter((turn) => turn.info.sessionId === sessionId);
  }

  stopAll(reason: StopReason): void {
    for (const turn of this.#turns.values()) turn.stop(reason);
  }

  /** Resolves when no turn is left. */
  drained(): Promise<void> {
    if (this.#turns.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#drained.push(resolve);
    });
  }
}
