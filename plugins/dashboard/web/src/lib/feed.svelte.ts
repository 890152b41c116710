import { adminUrl } from "./api.js";
import type { Interest, News, Topic } from "./event-hub.js";
import { openEventPort } from "./event-port.js";
import { login } from "./login.svelte.js";
import type { Load } from "./types.js";

export type { Topic } from "./event-hub.js";

const ALL: readonly Topic[] = ["turns", "steps", "sessions", "approvals", "logs", "plugins", "gateway"];

/** The gateway's events for this tab. Paused while the tab is hidden. */
class Feed {
  load = $state.raw<Load | undefined>(undefined);
  live = $state(false);
  /** The tab is hidden: a missing connection is expected. */
  resting = $state(document.hidden);
  /** Running text of the turns of the followed session. */
  texts = $state<Record<string, string>>({});
  #port: MessagePort;
  #wanted = false;
  #session: string | undefined;
  readonly #listeners = new Set<(topics: readonly Topic[]) => void>();

  constructor() {
    this.#port = this.#use(
      openEventPort((port) => {
        this.#port = this.#use(port);
        this.#say();
      }),
    );
    const look = (looking: boolean) => {
      this.resting = !looking;
      this.#say();
    };
    document.addEventListener("visibilitychange", () => look(!document.hidden));
    // A tab that is closed, or in the back/forward cache, sends nothing more.
    addEventListener("pagehide", () => look(false));
    addEventListener("pageshow", () => look(!document.hidden));
  }

  /** Starts listening; with a session, to the text of its turns too. */
  open(session?: string): void {
    if (this.#wanted && this.#session === session) return;
    this.#wanted = true;
    this.#session = session;
    this.texts = {};
    this.#say();
  }

  close(): void {
    this.#wanted = false;
    this.#say();
  }

  /** Calls `listener` when one of the topics changes. Returns a function that unsubscribes. */
  on(topics: readonly Topic[], listener: () => void): () => void {
    const hear = (changed: readonly Topic[]) => {
      if (changed.some((topic) => topics.includes(topic))) listener();
    };
    this.#listeners.add(hear);
    return () => this.#listeners.delete(hear);
  }

  #use(port: MessagePort): MessagePort {
    port.onmessage = ({ data }: MessageEvent<News>) => this.#hear(data);
    return port;
  }

  #say(): void {
    const looking = this.#wanted && !this.resting;
    if (!looking) this.live = false;
    const interest: Interest = { url: adminUrl("events"), looking, session: this.#session };
    this.#port.postMessage(interest);
  }

  #hear(news: News): void {
    // Sent before the hub learned that the tab is hidden.
    if (!this.#wanted || this.resting) return;
    if (news.kind === "load") this.load = news.load;
    else if (news.kind === "change") this.#notify(news.topics);
    else if (news.kind === "text") this.#append(news);
    else if (news.kind === "expired") login.ended();
    else if (news.kind === "lost") this.#lost(news.refused);
    else {
      this.live = true;
      // Anything may have changed while disconnected.
      this.#notify(ALL);
    }
  }

  #notify(topics: readonly Topic[]): void {
    for (const listener of this.#listeners) listener(topics);
  }

  #append({ turn_id, at, text }: Extract<News, { kind: "text" }>): void {
    this.texts[turn_id] = (this.texts[turn_id] ?? "").slice(0, at) + text;
  }

  /** The browser reconnects by itself, but not after a response such as 401: then the login is checked. */
  #lost(refused: boolean): void {
    this.live = false;
    if (!refused) return;
    setTimeout(async () => {
      await login.begin();
      if (login.me) this.#say();
    }, 2000);
  }
}

export const feed = new Feed();
