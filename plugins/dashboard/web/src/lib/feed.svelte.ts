import { adminUrl, queryOf } from "./api.js";
import { login } from "./login.svelte.js";
import type { Load } from "./types.js";

export type Topic = "turns" | "sessions" | "approvals" | "logs" | "plugins" | "gateway";

const ALL: readonly Topic[] = ["turns", "sessions", "approvals", "logs", "plugins", "gateway"];

/** The one connection on which the gateway tells what changes. It rests while nobody looks. */
class Feed {
  load = $state.raw<Load | undefined>(undefined);
  live = $state(false);
  /** Nobody looks: that there is no connection is no trouble. */
  resting = $state(document.hidden);
  /** The running text of the followed session's turns. */
  texts = $state<Record<string, string>>({});
  #source: EventSource | undefined;
  #session: string | undefined;
  readonly #listeners = new Set<(topics: readonly Topic[]) => void>();

  constructor() {
    document.addEventListener("visibilitychange", () => {
      this.resting = document.hidden;
      if (this.resting) this.close();
      else if (login.me) this.open(this.#session);
    });
  }

  /** Listens; with a session, to the text of its turns too. */
  open(session?: string): void {
    if (this.#source !== undefined && this.#session === session) return;
    this.close();
    this.#session = session;
    this.texts = {};
    const source = new EventSource(adminUrl(`events${queryOf({ session })}`));
    source.addEventListener("open", () => {
      this.live = true;
      // Whatever happened while nobody listened.
      this.#tell(ALL);
    });
    source.addEventListener("error", () => this.#lost(source));
    source.addEventListener("load", ({ data }) => {
      this.load = JSON.parse(data);
    });
    source.addEventListener("change", ({ data }) => this.#tell(JSON.parse(data)));
    source.addEventListener("text", ({ data }) => this.#append(JSON.parse(data)));
    source.addEventListener("expired", () => login.ended());
    this.#source = source;
  }

  close(): void {
    this.#source?.close();
    this.#source = undefined;
    this.live = false;
  }

  /** Calls back when one of the topics changes. Returns what ends it. */
  on(topics: readonly Topic[], listener: () => void): () => void {
    const hear = (changed: readonly Topic[]) => {
      if (changed.some((topic) => topics.includes(topic))) listener();
    };
    this.#listeners.add(hear);
    return () => this.#listeners.delete(hear);
  }

  #tell(topics: readonly Topic[]): void {
    for (const listener of this.#listeners) listener(topics);
  }

  #append({ turn_id, at, text }: { turn_id: string; at: number; text: string }): void {
    this.texts[turn_id] = (this.texts[turn_id] ?? "").slice(0, at) + text;
  }

  /** A browser tries again by itself, but not after an answer such as 401: then it is asked who we are. */
  #lost(source: EventSource): void {
    this.live = false;
    if (source.readyState !== EventSource.CLOSED || source !== this.#source) return;
    this.#source = undefined;
    setTimeout(async () => {
      await login.begin();
      if (login.me && !document.hidden) this.open(this.#session);
    }, 2000);
  }
}

export const feed = new Feed();
