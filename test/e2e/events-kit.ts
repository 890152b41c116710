import { fileURLToPath } from "node:url";
import type { ServerEvent } from "#testing/event-parser.js";
import { readEvents } from "#testing/event-parser.js";
import type { TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";

/** A plugin that lists what it has heard of turns at `GET /heard`. */
export const HEARS = fileURLToPath(new URL("../fixtures/plugins/hears-events", import.meta.url));

export interface Outcome {
  readonly turn: string;
  readonly process?: string;
  readonly stopReason?: string;
  readonly toolCalls?: Readonly<Record<string, number>>;
  readonly firstTokenMs?: number;
  readonly durationMs: number;
  readonly response: { readonly structured_output?: object };
}

export interface Heard {
  readonly events: readonly { readonly turn: string; readonly type: string; readonly data?: Data }[];
  readonly outcomes: readonly Outcome[];
}

export interface Data {
  readonly [field: string]: unknown;
}

/** What the plugin has heard of a turn, once that has ended. */
export async function heardOf(gateway: TestGateway, turnId: string): Promise<Outcome & { types: string[] }> {
  return eventually("the plugin to hear of the end", async () => {
    const { body: here } = await gateway.request<Heard>("/heard");
    // Of two nodes, each hears of the turns that it runs.
    const { body: there } = await gateway.request<Heard>("/heard", { atOwner: true });
    const body = here.outcomes.some(({ turn }) => turn === turnId) ? here : there;
    const outcome = body.outcomes.find(({ turn }) => turn === turnId);
    const types = body.events.filter(({ turn }) => turn === turnId).map(({ type }) => type);
    return outcome && { ...outcome, types };
  });
}

/** A turn's stream as it was read, with the id of the turn. */
export interface ReadTurn {
  readonly turnId: string;
  readonly events: readonly ServerEvent[];
  /** The data of the events with this name. */
  of(name: string): Data[];
  /** The names of the events, without `text` and repetitions next to each other. */
  readonly names: readonly string[];
}

export async function readTurn(gateway: TestGateway, path: string, body: object): Promise<ReadTurn> {
  const response = await gateway.fetch(path, { body });
  const events: ServerEvent[] = [];
  for await (const event of readEvents(response)) events.push(event);
  return asRead(response.headers.get("x-turn-id") ?? "", events);
}

export function asRead(turnId: string, events: readonly ServerEvent[]): ReadTurn {
  const names = events.map(({ event }) => event).filter((name) => name !== "text");
  return {
    turnId,
    events,
    of: (name) => events.filter(({ event }) => event === name).map(({ data }) => JSON.parse(data)),
    names: names.filter((name, index) => name !== names[index - 1]),
  };
}

/** Follows the events of a session until it is closed. */
export class Feed {
  readonly events: ServerEvent[] = [];
  readonly #gone = new AbortController();

  static async open(gateway: TestGateway, sessionId: string): Promise<Feed> {
    const feed = new Feed();
    const response = await gateway.fetch(`/session/${sessionId}/events`, { signal: feed.#gone.signal });
    void feed.#read(response);
    return feed;
  }

  /** The data of the first event with this name that is so. */
  async until(name: string, isSo: (data: Data) => boolean): Promise<Data> {
    return eventually(`the event ${name}`, async () => asRead("", this.events).of(name).find(isSo));
  }

  close(): void {
    this.#gone.abort();
  }

  async #read(response: Response): Promise<void> {
    try {
      for await (const event of readEvents(response)) this.events.push(event);
    } catch (error) {
      if (!this.#gone.signal.aborted) throw error;
    }
  }
}
