import type { ChildNote, EngineEvent, EngineListener, SessionTotals, TurnUsage } from "@claudeway/ports";
import type { EventKind } from "@claudeway/schemas";
import { GrowingText } from "./growing-text.js";

/** How much of the events of a CLI's work is buffered, in characters of JSON: a ledger that is away may delay the listener. */
const MAX_EVENT_CHARS = 4 * 1024 * 1024;

/**
 * Buffers events until there is a listener: consecutive texts as one, the latest usage alone, and so much of the CLI's
 * work; what comes after that is dropped.
 */
export class LateListener implements EngineListener {
  #listener: EngineListener | undefined;
  #early: ((listener: EngineListener) => void)[] = [];
  /** The text that was buffered last, unless something followed. */
  #text: GrowingText | undefined;
  #usage: TurnUsage | undefined;
  #eventChars = 0;

  /** Passes the buffered events to the listener, and further events directly. */
  attach(listener: EngineListener): void {
    this.#listener = listener;
    this.#text = undefined;
    for (const replay of this.#early.splice(0)) replay(listener);
    if (this.#usage !== undefined) listener.usage(this.#usage);
    this.#usage = undefined;
  }

  text(delta: string): void {
    if (this.#listener !== undefined) this.#listener.text(delta);
    else if (this.#text !== undefined) this.#text.append(delta);
    else {
      const text = new GrowingText();
      text.append(delta);
      this.#forward((listener) => listener.text(text.toString()));
      this.#text = text;
    }
  }

  usage(usage: TurnUsage): void {
    if (this.#listener !== undefined) this.#listener.usage(usage);
    else this.#usage = usage;
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
    if (this.#listener === undefined) {
      this.#eventChars += JSON.stringify(event).length;
      if (this.#eventChars > MAX_EVENT_CHARS) return;
    }
    this.#forward((listener) => {
      listener.event(event);
    });
  }

  totals(totals: SessionTotals): void {
    this.#forward((listener) => listener.totals(totals));
  }

  #forward(call: (listener: EngineListener) => void): void {
    this.#text = undefined;
    if (this.#listener === undefined) this.#early.push(call);
    else call(this.#listener);
  }
}
