import type { PluginFields } from "@claudeway/ports";
import type { ErrorResponse, SessionTurnRequest, TaskRequest, TurnResponse } from "@claudeway/schemas";
import { readStream, type StreamEvent } from "./server-events.js";

export interface FetchOptions {
  /** Default: POST with a body, else GET. */
  readonly method?: string;
  /** A string is sent unchanged, anything else as JSON. */
  readonly body?: unknown;
  /** The id of a key; default: the admin's. Null for none. */
  readonly key?: string | null | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The options of a prompt: fields of the request body, and the key. */
export interface TurnOptions
  extends Pick<FetchOptions, "key" | "headers" | "signal">,
    Partial<Omit<TaskRequest, "prompt">>,
    Partial<Pick<SessionTurnRequest, "restart_conversation" | "withdraw_pending">> {
  /** The id of a session; without it, the prompt is a one-shot task. */
  readonly session?: string;
  /** The fields of plugins in the request, by the plugin's name: `{ tiers: { tier: "fast" } }`. */
  readonly pluginFields?: PluginFields | undefined;
}

/** The gateway responded with an error. */
export class RequestError extends Error {
  override readonly name = "RequestError";

  constructor(
    readonly status: number,
    /** The code of the response, such as `FORBIDDEN`. */
    readonly code: string,
    message: string,
    readonly headers: Headers,
  ) {
    super(message);
  }
}

/** Sends requests to a gateway, like a client. */
export class Requests {
  constructor(
    /** Changes when the gateway is restarted. */
    public url: string,
    private readonly keys: Readonly<Record<string, string>>,
  ) {}

  /** The response, whatever its status. */
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

  /** The JSON of the response. Rejects with a `RequestError` if it is an error. */
  async json<Body>(path: string, options?: FetchOptions): Promise<Body> {
    const response = await this.#good(path, options);
    const body: Body = JSON.parse(await response.text());
    return body;
  }

  /** Runs a turn to its end. Rejects with a `RequestError` if the response is an error. */
  turn(prompt: string, options: TurnOptions = {}): Promise<TurnResponse> {
    const { session, key, headers, signal, ...fields } = options;
    const path = session === undefined ? "/task" : `/session/${session}`;
    return this.json(path, { body: { prompt, ...bodyOf(fields) }, key, headers, signal });
  }

  /** The events of a turn as they arrive; the last is `done`. Leaving the loop early interrupts the turn. */
  async *stream(prompt: string, options: TurnOptions = {}): AsyncGenerator<StreamEvent, void> {
    const { session, key, headers, signal, ...fields } = options;
    const path = session === undefined ? "/task/stream" : `/session/${session}/stream`;
    const response = await this.#good(path, {
      body: { prompt, ...bodyOf(fields) },
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

/** The body of a request: its own fields, and those of plugins. */
export function bodyOf({ pluginFields, ...fields }: Pick<TurnOptions, "pluginFields">): object {
  return { ...fields, ...pluginFields };
}
