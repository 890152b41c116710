import type { ErrorResponse, SessionTurnRequest, TaskRequest, TurnResponse } from "@claudeway/schemas";
import { readStream, type StreamEvent } from "./server-events.js";

export interface FetchOptions {
  /** POST where there is a body, else GET. */
  readonly method?: string;
  /** A string goes as it is, anything else as JSON. */
  readonly body?: unknown;
  /** The id of a key; the admin's unless given. Null: no key. */
  readonly key?: string | null | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a prompt may come with: the fields of the request's body, and whose it is. */
export interface TurnOptions
  extends Pick<FetchOptions, "key" | "headers" | "signal">,
    Partial<Omit<TaskRequest, "prompt">>,
    Partial<Pick<SessionTurnRequest, "restart_conversation" | "withdraw_pending">> {
  /** A session's id; without it, the turn is a one-shot task. */
  readonly session?: string;
}

/** The gateway answered with an error. */
export class RequestError extends Error {
  override readonly name = "RequestError";

  constructor(
    readonly status: number,
    /** As in the answer: `FORBIDDEN`. */
    readonly code: string,
    message: string,
    readonly headers: Headers,
  ) {
    super(message);
  }
}

/** Sends requests to a gateway as its clients do. */
export class Requests {
  constructor(
    readonly url: string,
    private readonly keys: Readonly<Record<string, string>>,
  ) {}

  /** The answer, whatever its status. */
  fetch(path: string, { method, body, key, headers, signal }: FetchOptions = {}): Promise<Response> {
    return fetch(this.url + path, {
      method: method ?? (body === undefined ? "GET" : "POST"),
      headers: {
        ...this.#authorization(key),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
  }

  /** The answer's JSON. Rejects with a `RequestError` where it is an error. */
  async json<Body>(path: string, options?: FetchOptions): Promise<Body> {
    const response = await this.#good(path, options);
    const body: Body = JSON.parse(await response.text());
    return body;
  }

  /** Runs a turn to its end. Rejects with a `RequestError` where there is no answer but an error. */
  turn(prompt: string, options: TurnOptions = {}): Promise<TurnResponse> {
    const { session, key, headers, signal, ...body } = options;
    const path = session === undefined ? "/task" : `/session/${session}`;
    return this.json(path, { body: { prompt, ...body }, key, headers, signal });
  }

  /** A turn's events as they come, the last is `done`; leaving the loop early interrupts the turn. */
  async *stream(prompt: string, options: TurnOptions = {}): AsyncGenerator<StreamEvent, void> {
    const { session, key, headers, signal, ...body } = options;
    const path = session === undefined ? "/task/stream" : `/session/${session}/stream`;
    const response = await this.#good(path, {
      body: { prompt, ...body },
      key,
      headers,
      signal,
    });
    yield* readStream(response);
  }

  async #good(path: string, options?: FetchOptions): Promise<Response> {
    const response = await this.fetch(path, options);
    if (response.ok) return response;
    const { error = response.statusText, code = "INTERNAL_ERROR" }: Partial<ErrorResponse> = JSON.parse(
      await response.text(),
    );
    throw new RequestError(response.status, code, error, response.headers);
  }

  #authorization(key: string | null = Object.keys(this.keys)[0] ?? null): Record<string, string> {
    if (key === null) return {};
    const secret = this.keys[key];
    if (secret !== undefined) return { authorization: `Bearer ${secret}` };
    throw new Error(`unknown key "${key}"; known keys: ${Object.keys(this.keys).join(", ")}`);
  }
}
