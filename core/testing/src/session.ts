import type { Session, SessionStartRequest, TurnResponse } from "@claudeway/schemas";
import type { Requests, TurnOptions } from "./requests.js";
import type { StreamEvent } from "./server-events.js";

/** The options of a new session; `key` is its owner, by default the admin's. */
export interface NewSession extends Partial<SessionStartRequest>, Pick<TurnOptions, "pluginFields"> {
  readonly key?: string | undefined;
}

/** A conversation with the gateway. */
export class TestSession {
  readonly id: string;
  /** The absolute path. */
  readonly workdir: string;
  readonly #requests: Requests;
  readonly #key: Pick<NewSession, "key">;

  constructor(
    requests: Requests,
    { session_id, workdir }: Pick<Session, "session_id" | "workdir">,
    key: string | undefined,
  ) {
    this.id = session_id;
    this.workdir = workdir;
    this.#requests = requests;
    this.#key = { key };
  }

  /** The session's next turn; see `TestGateway.turn`. */
  turn(prompt: string, options: Omit<TurnOptions, "session"> = {}): Promise<TurnResponse> {
    return this.#requests.turn(prompt, { ...this.#key, ...options, session: this.id });
  }

  /** The session's next turn; see `TestGateway.stream`. */
  stream(prompt: string, options: Omit<TurnOptions, "session"> = {}): AsyncGenerator<StreamEvent, void> {
    return this.#requests.stream(prompt, { ...this.#key, ...options, session: this.id });
  }

  /** Lets exactly these denied calls run and continues: `POST /session/:id/approve`. */
  approve(toolUseIds: readonly string[]): Promise<TurnResponse> {
    return this.#requests.json(`/session/${this.id}/approve`, {
      ...this.#key,
      body: { tool_use_ids: toolUseIds },
    });
  }

  /** Interrupts the running turn. */
  async interrupt(): Promise<void> {
    await this.#requests.json(`/session/${this.id}/interrupt`, { ...this.#key, method: "POST" });
  }

  /** The session as its owner sees it: turns, tokens, cost. */
  info(): Promise<Session> {
    return this.#requests.json(`/session/${this.id}`, this.#key);
  }

  /** Deletes the session. */
  async end(): Promise<void> {
    await this.#requests.json(`/session/${this.id}`, { ...this.#key, method: "DELETE" });
  }
}
