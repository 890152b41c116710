import type { ChildNote, EngineEvent, EngineListener, SessionTotals, TurnUsage } from "@claudeway/ports";
import type { EventKind } from "@claudeway/schemas";

/** Buffers events until there is a listener. */
export class LateListener implements EngineListener {
  #listener: EngineListener | undefined;
  #early: ((listener: EngineListener) => void)[] = [];

  /** Passes the buffered events to the listener, and further events directly. */
  attach(listener: EngineListener): void {
    this.#listener = listener;
    for (const replay of this.#early.splice(0)) replay(listener);
  }

  text(delta: string): void {
    this.#forward((listener) => listener.text(delta));
  }

  usage(usage: TurnUsage): void {
    this.#forward((listener) => listener.usage(usage));
  }

  process(child: ChildNote): void {
    this.#forward((listener) => listener.process(child));
  }

  settledUnresolved(): void {
    this.#forward((listener) => listener.settledUnresolved());
  }

  model(model: string): void {
    this.#forward((listener) => listener.model(model));
  }

  /** Until there is a listener, it may want all. */
  wants(kind: EventKind): boolean {
    return this.#listener?.wants(kind) ?? true;
  }

  event(event: EngineEvent): void {
    this.#forward((listener) => {
      listener.event(event);
    });
  }

  totals(totals: SessionTotals): void {
    this.#forward((listener) => listener.totals(totals));
  }

  #forward(call: (listener: EngineListener) => void): void {
    if (this.#listener === undefined) this.#early.push(call);
    else call(this.#listener);
  }
}
