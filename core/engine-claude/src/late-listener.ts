import type { ChildNote, EngineListener, SessionTotals, TurnUsage } from "@claudeway/core/ports";

/** Keeps what a listener is to be told until there is one. */
export class LateListener implements EngineListener {
  #listener: EngineListener | undefined;
  #early: ((listener: EngineListener) => void)[] = [];

  /** Tells the listener all so far, and from now on at once. */
  attach(listener: EngineListener): void {
    this.#listener = listener;
    for (const tell of this.#early.splice(0)) tell(listener);
  }

  text(delta: string): void {
    this.#tell((listener) => listener.text(delta));
  }

  usage(usage: TurnUsage): void {
    this.#tell((listener) => listener.usage(usage));
  }

  process(child: ChildNote): void {
    this.#tell((listener) => listener.process(child));
  }

  settledUnresolved(): void {
    this.#tell((listener) => listener.settledUnresolved());
  }

  model(model: string): void {
    this.#tell((listener) => listener.model(model));
  }

  totals(totals: SessionTotals): void {
    this.#tell((listener) => listener.totals(totals));
  }

  #tell(tell: (listener: EngineListener) => void): void {
    if (this.#listener === undefined) this.#early.push(tell);
    else tell(this.#listener);
  }
}
