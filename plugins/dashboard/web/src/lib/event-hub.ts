import type { Load } from "./types.js";

/** Data that a page may have to reload. */
export type Topic = "turns" | "steps" | "sessions" | "approvals" | "logs" | "plugins" | "gateway";

/** A tab's subscription, sent whenever it changes. */
export interface Interest {
  /** URL of the events. */
  readonly url: string;
  /** False while the tab is hidden, and when it closes. */
  readonly looking: boolean;
  /** The session whose running text it shows. */
  readonly session: string | undefined;
}

/** A message to a tab. */
export type News =
  /** No events are missed from now on. Data shown before may be stale; text starts again at its beginning. */
  | { readonly kind: "live" }
  /** The connection broke. The browser reconnects by itself unless it was refused. */
  | { readonly kind: "lost"; readonly refused: boolean }
  | { readonly kind: "load"; readonly load: Load }
  | { readonly kind: "change"; readonly topics: readonly Topic[] }
  | { readonly kind: "text"; readonly turn_id: string; readonly at: number; readonly text: string }
  | { readonly kind: "expired" };

/** The gateway sends something every 15 s: a connection that was silent for so long, in ms, is dead. */
const SILENCE_MS = 40_000;

type Port = Pick<MessagePort, "postMessage" | "onmessage">;

/**
 * The browser's single event connection, shared by all tabs: over HTTP/1.1 a browser opens six connections per host, so
 * with a stream per tab the seventh would get none. Closed while all tabs are hidden.
 */
export class EventHub {
  readonly #tabs = new Map<Port, Interest>();
  #source: EventSource | undefined;
  #load: Load | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;

  /** Serves a tab: the tab sends its `Interest` and receives `News`. */
  connect(port: Port): void {
    port.onmessage = ({ data }: MessageEvent<Interest>) => this.#update(port, data);
  }

  #update(port: Port, interest: Interest): void {
    const before = this.#tabs.get(port);
    if (interest.looking) this.#tabs.set(port, interest);
    else this.#tabs.delete(port);
    if (this.#tabs.size === 0) {
      this.#close();
      return;
    }
    // A tab that starts to show a text needs it from its beginning, which the gateway sends once per connection.
    const newText =
      interest.looking && interest.session !== undefined && interest.session !== before?.session;
    const lessText = before?.session !== undefined && before.session !== interest.session;
    if (this.#source === undefined || newText || lessText) this.#open(interest.url);
    else if (interest.looking && before === undefined) this.#welcome(port);
  }

  #open(url: string): void {
    this.#close();
    const sessions = new Set([...this.#tabs.values()].flatMap(({ session }) => session ?? []));
    const source = new EventSource(
      `${url}?${new URLSearchParams([...sessions].map((id) => ["session", id]))}`,
    );
    const on = (event: string, newsOf: (data: string) => News | undefined) =>
      source.addEventListener(event, ({ data }: MessageEvent<string>) => {
        this.#watch(url);
        const news = newsOf(data);
        if (news?.kind === "load") this.#load = news.load;
        if (news !== undefined) this.#broadcast(news);
      });
    source.addEventListener("error", () => this.#lost(source));
    on("open", () => ({ kind: "live" }));
    on("alive", () => undefined);
    on("load", (data) => ({ kind: "load", load: JSON.parse(data) }));
    on("change", (data) => ({ kind: "change", topics: JSON.parse(data) }));
    on("text", (data) => ({ kind: "text", ...JSON.parse(data) }));
    on("expired", () => ({ kind: "expired" }));
    this.#source = source;
    this.#watch(url);
  }

  /** Connects anew if nothing comes: where a connection breaks without an end, as behind a router, the browser does not notice. */
  #watch(url: string): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      this.#broadcast({ kind: "lost", refused: false });
      this.#open(url);
    }, SILENCE_MS);
  }

  #close(): void {
    clearTimeout(this.#silence);
    this.#source?.close();
    this.#source = undefined;
  }

  /** Greets a tab that joins an open connection. */
  #welcome(port: Port): void {
    if (this.#source?.readyState !== EventSource.OPEN) return;
    port.postMessage({ kind: "live" } satisfies News);
    if (this.#load !== undefined) port.postMessage({ kind: "load", load: this.#load } satisfies News);
  }

  #lost(source: EventSource): void {
    if (source !== this.#source) return;
    const refused = source.readyState === EventSource.CLOSED;
    if (refused) this.#close();
    this.#broadcast({ kind: "lost", refused });
  }

  #broadcast(news: News): void {
    for (const port of this.#tabs.keys()) port.postMessage(news);
  }
}
