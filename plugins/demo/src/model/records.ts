import type { Answer, RequestKind } from "./answer.js";
import { addTokens, NO_TOKENS, type Tokens } from "./usage.js";

/** `open`: not finished; `gone`: the client disconnected first; `failed`, `cut`: by the script. */
export type RequestEnd = "open" | "finished" | "gone" | "failed" | "cut";

/** A request to the scripted model. */
export interface ModelRequest {
  /** Counts up from 1. */
  readonly seq: number;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly method: string;
  /** With its query string. */
  readonly path: string;
  /** Its purpose; null unless it is a request to `/v1/messages`. */
  readonly kind: RequestKind | null;
  /** The CLI's session, from its `x-claude-code-session-id` header. */
  readonly sessionId: string | null;
  readonly model: string | null;
  readonly stream: boolean;
  /** The last user text that the CLI did not add by itself, whole. */
  readonly prompt: string;
  /** The text of the `system` field. */
  readonly system: string;
  /** The HTTP status of the response; null until then. */
  readonly status: number | null;
  readonly end: RequestEnd;
}

/** The tokens of one message. Requests with an HTTP error use none. */
export interface DealtUsage {
  /** The `seq` of its request. */
  readonly seq: number;
  readonly kind: RequestKind;
  readonly sessionId: string | null;
  readonly model: string;
  /** The message's id. */
  readonly id: string;
  /** The usage of the whole message. */
  readonly dealt: Tokens;
  /** The usage reported to the client: zeros before `message_start`, one output token after it, all after `message_delta`. */
  readonly delivered: Tokens;
  readonly end: RequestEnd;
}

/** Sums for one model, over all requests since the start. */
export interface ModelTotals {
  readonly requests: number;
  readonly dealt: Tokens;
  readonly delivered: Tokens;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Handle on the record of one request. */
export interface OpenRecord {
  readonly seq: number;
  deal(answer: Pick<Answer, "kind" | "model" | "id" | "usage">): void;
  deliver(tokens: Tokens): void;
  answered(status: number): void;
  end(end: RequestEnd): void;
}

export type NewRequest = Omit<ModelRequest, "seq" | "at" | "status" | "end">;

/** Keeps the last requests: at most `keep` of them, and at most `keepChars` of their texts. */
export class RequestLog {
  readonly #requests: Mutable<ModelRequest>[] = [];
  readonly #usages: Mutable<DealtUsage>[] = [];
  readonly #totals = new Map<string, ModelTotals>();
  #seq = 0;
  #chars = 0;

  constructor(
    private readonly keep: number,
    private readonly keepChars: number,
  ) {}

  open(request: NewRequest): OpenRecord {
    const entry: Mutable<ModelRequest> = {
      ...request,
      seq: ++this.#seq,
      at: new Date().toISOString(),
      status: null,
      end: "open",
    };
    this.#requests.push(entry);
    this.#chars += charsOf(entry);
    this.#forget();
    let usage: Mutable<DealtUsage> | undefined;
    return {
      seq: entry.seq,
      deal: ({ kind, model, id, usage: dealt }) => {
        const { seq, sessionId } = entry;
        usage = { seq, kind, sessionId, model, id, dealt, delivered: NO_TOKENS, end: "open" };
        this.#usages.push(usage);
        if (this.#usages.length > this.keep) this.#usages.shift();
        this.#add(model, 1, dealt, NO_TOKENS);
      },
      deliver: (tokens) => {
        if (usage === undefined) return;
        this.#add(usage.model, 0, NO_TOKENS, subtract(tokens, usage.delivered));
        usage.delivered = tokens;
      },
      answered: (status) => {
        entry.status = status;
      },
      end: (end) => {
        entry.end = end;
        if (usage !== undefined) usage.end = end;
      },
    };
  }

  requests(): readonly ModelRequest[] {
    return this.#requests.map((request) => ({ ...request }));
  }

  dealt(): readonly DealtUsage[] {
    return this.#usages.map((usage) => ({ ...usage }));
  }

  totals(): Readonly<Record<string, ModelTotals>> {
    return Object.fromEntries(this.#totals);
  }

  #add(model: string, requests: number, dealt: Tokens, delivered: Tokens): void {
    const sum = this.#totals.get(model) ?? { requests: 0, dealt: NO_TOKENS, delivered: NO_TOKENS };
    this.#totals.set(model, {
      requests: sum.requests + requests,
      dealt: addTokens(sum.dealt, dealt),
      delivered: addTokens(sum.delivered, delivered),
    });
  }

  #forget(): void {
    while (this.#requests.length > this.keep || (this.#chars > this.keepChars && this.#requests.length > 1)) {
      const oldest = this.#requests.shift();
      if (oldest !== undefined) this.#chars -= charsOf(oldest);
    }
  }
}

function charsOf(request: ModelRequest): number {
  return request.prompt.length + request.system.length + request.path.length;
}

function subtract(a: Tokens, b: Tokens): Tokens {
  return {
    input_tokens: a.input_tokens - b.input_tokens,
    output_tokens: a.output_tokens - b.output_tokens,
    cache_read_input_tokens: a.cache_read_input_tokens - b.cache_read_input_tokens,
    cache_creation_input_tokens: a.cache_creation_input_tokens - b.cache_creation_input_tokens,
  };
}
