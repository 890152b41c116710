import { createParser, type EventSourceMessage } from "eventsource-parser";

/** A server-sent event as a browser would read it. */
export interface ServerEvent {
  readonly id: string;
  readonly event: string;
  readonly data: string;
}

/** The events of a response, as they come. */
export async function* readEvents(response: Response): AsyncGenerator<ServerEvent, void> {
  if (response.body === null) return;
  const parser = new EventParser();
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) yield* parser.push(chunk);
}

/** Accepts a stream's text as it comes, in whatever pieces. */
export class EventParser {
  #events: ServerEvent[] = [];
  #begun = false;
  readonly #parser = createParser({ onEvent: (message) => this.#events.push(toEvent(message)) });

  /** The events that are complete with this piece. */
  push(text: string): ServerEvent[] {
    // The byte order mark, which a decoder may have left.
    this.#parser.feed(this.#begun ? text : text.replace(/^\ufeff/, ""));
    this.#begun ||= text !== "";
    const events = this.#events;
    this.#events = [];
    return events;
  }
}

function toEvent({ id = "", event = "message", data }: EventSourceMessage): ServerEvent {
  return { id, event, data };
}
