import type { Load } from "./types.js";

/** What a page may have to read again. */
export type Topic = "turns" | "sessions" | "approvals" | "logs" | "plugins" | "gateway";

/** What a tab says of itself, whenever that changes. */
export interface Interest {
  /** Where the events are. */
  readonly url: string;
  /** False while nobody looks at the tab, and when it goes away. */
  readonly looking: boolean;
  /** Whose running text it shows. */
  readonly session: string | undefined;
}

/** What a tab is told. */
export type News =
  /** From now on nothing is missed; what was shown before may be old, and text comes from its beginning. */
  | { readonly kind: "live" }
  /** The connection broke; the browser tries again by itself, unless it was refused. */
  | { readonly kind: "lost"; readonly refused: boolean }
  | { readonly kind: "load"; readonly load: Load }
  | { readonly kind: "change"; readonly topics: readonly Topic[] }
  | { readonly kind: "text"; readonly turn_id: string; readonly at: number; readonly text: string }
  | { readonly kind: "expired" };

type Port = Pick<MessagePort, "postMessage" | "onmessage">;

/**
 * The one connection on which a browser hears from the gateway, for all of its tabs: over HTTP/1.1 it opens six to a host,
 * and a stream for each tab would leave the seventh none. It rests while nobody looks at any of them.
 */
export class EventHub {
  readonly #tabs = new Map<Port, Interest>();
  #source: EventSource | undefined;
  #load: Load | undefined;

  /** Serves a tab: it sends its `Interest`, and gets `News`. */
  connect(port: Port): void {
    port.onmessage = ({ data }: MessageEvent<Interest>) => this.#take(port, data);
  }

  #take(port: Port, interest: Interest): void {
    const before = this.#tabs.get(port);
    if (interest.looking) this.#tabs.set(port, interest);
    else this.#tabs.delete(port);
    if (this.#tabs.size === 0) {
      this.#close();
      return;
    }
    // A tab that begins to show a text needs it from its beginning, and the gateway tells that once for each connection.
    const newText =
      interest.looking && interest.session !== undefined && interest.session !== before?.session;
    const lessText = before?.session !== undefined && before.session !== interest.session;
    if (this.#source === undefined || newText || lessText) this.#open(interest.url);
    else if (interest.looking && before === undefined) this.#welcome(port);
  }

  #open(url: string): void {
    this.#source?.close();
    const sessions = new Set([...this.#tabs.values()].flatMap(({ session }) => session ?? []));
    const source = new EventSource(
      `${url}?${new URLSearchParams([...sessions].map((id) => ["session", id]))}`,
    );
    const on = (event: string, news: (data: string) => News) =>
      source.addEventListener(event, ({ data }: MessageEvent<string>) => this.#tell(news(data)));
    source.addEventListener("open", () => this.#tell({ kind: "live" }));
    source.addEventListener("error", () => this.#lost(source));
    source.addEventListener("load", ({ data }: MessageEvent<string>) => {
      this.#load = JSON.parse(data);
      if (this.#load !== undefined) this.#tell({ kind: "load", load: this.#load });
    });
    on("change", (data) => ({ kind: "change", topics: JSON.parse(data) }));
    on("text", (data) => ({ kind: "text", ...JSON.parse(data) }));
    on("expired", () => ({ kind: "expired" }));
    this.#source = source;
  }

  #close(): void {
    this.#source?.close();
    this.#source = undefined;
  }

  /** A tab that comes to a connection that is open already. */
  #welcome(port: Port): void {
    if (this.#source?.readyState !== EventSource.OPEN) return;
    port.postMessage({ kind: "live" } satisfies News);
    if (this.#load !== undefined) port.postMessage({ kind: "load", load: this.#load } satisfies News);
  }

  #lost(source: EventSource): void {
    if (source !== this.#source) return;
    const refused = source.readyState === EventSource.CLOSED;
    if (refused) this.#source = undefined;
    this.#tell({ kind: "lost", refused });
  }

  #tell(news: News): void {
    for (const port of this.#tabs.keys()) port.postMessage(news);
  }
}
