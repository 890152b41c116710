import { once } from "node:events";
import type { Server } from "node:http";

/** Requests that other nodes may be answering and that may change something, until they are over. */
export class UnansweredRequests {
  readonly #open = new Set<Promise<unknown>>();

  constructor(server: Server) {
    server.prependListener("request", ({ method }, response) => {
      if (method !== "GET" && method !== "HEAD") this.add(once(response, "close"));
    });
  }

  add(request: Promise<unknown>): void {
    const over: Promise<void> = request.catch(() => undefined).then(() => void this.#open.delete(over));
    this.#open.add(over);
  }

  /** Resolves when none is left, or the signal aborts. False: there was nothing to wait for. */
  async over(stop: AbortSignal): Promise<boolean> {
    if (this.#open.size === 0 || stop.aborted) return false;
    const stopped = new Promise<void>((resolve) => {
      stop.addEventListener("abort", () => resolve(), { once: true });
    });
    while (this.#open.size > 0 && !stop.aborted) await Promise.race([Promise.all(this.#open), stopped]);
    return true;
  }
}
