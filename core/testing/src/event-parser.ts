import { createParser, type EventSourceMessage } from "eventsource-parser";

/** A server-sent event, parsed as in a browser. */
export interface ServerEvent {
  readonly id: string;
  readonly event: string;
  readonly data: string;
}

/** The events of a response, as they arrive. */
export async function* readEvents(response: Response): AsyncGenerator<ServerEvent, void> {
  if (response.body === null) return;
  const parser = new EventParser();
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) yield* parser.push(chunk);
}

/** Parses the text of a stream in chunks. */
export class EventParser {
  #events: ServerEvent[] = [];
  #begun = false;
  readonly #parser = createParser({ onEvent: (message) => this.#events.push(toEvent(message)) });

  /** Returns the events that this chunk completes. */
  push(text: string): ServerEvent[] {
    // The byte order mark, if the decoder has kept it.
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
