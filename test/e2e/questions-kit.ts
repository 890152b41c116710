import type { SessionStarted, StreamedQuestion, TurnResponse } from "@claudeway/schemas";
import type { ServerEvent } from "#testing/event-parser.js";
import { readEvents } from "#testing/event-parser.js";
import type { Answer, RequestOptions, TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";

/** A prompt with one question. */
export const ASK = "[[ask Which way?|left|right]]";
/** What the demo model says if it has no tool to ask with. */
export const NO_TOOL = "AskUserQuestion failed: <tool_use_error>Error: No such tool available";

/** A call with several questions, each with options; one that ends with `*` allows several of them. */
export function askAll(questions: Readonly<Record<string, readonly string[]>>): object {
  const asked = Object.entries(questions).map(([question, labels]) => ({
    question,
    header: "Test",
    multiSelect: question.endsWith("*"),
    options: labels.map((label) => ({ label, description: `The answer ${label}` })),
  }));
  return { tool: "AskUserQuestion", input: { questions: asked } };
}

export async function newSession(gateway: TestGateway, key?: string): Promise<string> {
  const { body } = await gateway.request<SessionStarted>("/session/start", {
    body: {},
    ...(key !== undefined && { key }),
  });
  return body.session_id;
}

/** A turn whose stream is read while it runs. */
export class StreamedTurn {
  readonly events: ServerEvent[] = [];
  /** Resolves at the end of the stream, however it ends. */
  readonly ended: Promise<void>;
  readonly #gone: AbortController;

  private constructor(
    private readonly gateway: TestGateway,
    readonly id: string,
    response: Response,
    gone: AbortController,
  ) {
    this.#gone = gone;
    this.ended = this.#read(response);
  }

  /** Starts a turn with the events `questions`, or those that the body names. */
  static async start(
    gateway: TestGateway,
    path: string,
    body: object,
    options: RequestOptions = {},
  ): Promise<StreamedTurn> {
    const gone = new AbortController();
    const asked = { body: { events: ["questions"], ...body }, signal: gone.signal, ...options };
    const response = await gateway.fetch(path, asked);
    return new StreamedTurn(gateway, response.headers.get("x-turn-id") ?? "", response, gone);
  }

  /** The turn's questions, once there are as many. */
  async questions(count = 1): Promise<StreamedQuestion[]> {
    return eventually(`${count} questions`, async () => {
      const found = this.#of("question").map((data): StreamedQuestion => JSON.parse(data));
      if (found.length >= count) return found;
      if (this.#of("done").length > 0) throw new Error(`the turn ended: ${JSON.stringify(this.events)}`);
      return undefined;
    });
  }

  async question(): Promise<StreamedQuestion> {
    const [question] = await this.questions();
    if (question === undefined) throw new Error("there is no question");
    return question;
  }

  answer(body: object, options: RequestOptions = {}): Promise<Answer> {
    return this.gateway.request(`/turns/${this.id}/answers`, { body, ...options });
  }

  async done(): Promise<TurnResponse & { readonly code?: string }> {
    await this.ended;
    const [data] = this.#of("done");
    if (data === undefined) throw new Error("the stream ended without done");
    return JSON.parse(data);
  }

  disconnect(): void {
    this.#gone.abort();
  }

  #of(name: string): string[] {
    return this.events.filter(({ event }) => event === name).map(({ data }) => data);
  }

  async #read(response: Response): Promise<void> {
    try {
      for await (const event of readEvents(response)) this.events.push(event);
    } catch (error) {
      if (!this.#gone.signal.aborted) throw error;
    }
  }
}
