/** A server-sent event as a browser would read it. */
export interface ServerEvent {
  readonly id: string;
  readonly event: string;
  readonly data: string;
}

/** Reads events by the rules of the standard (WHATWG HTML, "Server-sent events"): comments skipped, data lines joined. */
export async function* readEvents(response: Response): AsyncGenerator<ServerEvent, void> {
  if (response.body === null) return;
  const parser = new EventParser();
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) yield* parser.push(chunk);
}

/** Takes a stream's text as it comes, in whatever pieces. */
export class EventParser {
  #buffer = "";

  /** The events that are complete with this piece. */
  push(text: string): ServerEvent[] {
    const blocks = (this.#buffer + text).split("\n\n");
    this.#buffer = blocks.pop() ?? "";
    return blocks.map(parseEvent).filter((event) => event !== undefined);
  }
}

function parseEvent(block: string): ServerEvent | undefined {
  const fields = { id: "", event: "message" };
  const data: string[] = [];
  for (const line of block.split("\n")) {
    const [, name, value = ""] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
    if (name === "data") data.push(value);
    else if (name === "id" || name === "event") fields[name] = value;
  }
  return data.length === 0 ? undefined : { ...fields, data: data.join("\n") };
}
