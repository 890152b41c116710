/** One server-sent event as it came. */
export interface SentEvent {
  readonly event: string;
  readonly data: Record<string, unknown>;
}

/** A request as the CLI makes it: the prompts are the user's, with the model's `answers` between them. */
export function requestBody(
  prompts: readonly string[],
  more: Record<string, unknown> = {},
): Record<string, unknown> {
  const messages = prompts.flatMap((text, i) => [
    ...(i === 0 ? [] : [{ role: "assistant", content: [{ type: "text", text: `answer ${i}` }] }]),
    { role: "user", content: [{ type: "text", text }] },
  ]);
  return { model: "claude-sonnet-5", max_tokens: 1000, stream: true, messages, ...more };
}

export async function post(url: string, body: unknown, signal?: AbortSignal): Promise<Response> {
  return fetch(`${url}/v1/messages?beta=true`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-claude-code-session-id": "session-1" },
    body: typeof body === "string" ? body : JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  });
}

/** Splits a whole event stream; throws on anything that is not in the standard's form. */
export function readEvents(text: string): SentEvent[] {
  return text
    .split("\n\n")
    .filter((part) => part !== "")
    .map((part) => {
      const fields = /^event: (\w+)\ndata: (.*)$/.exec(part);
      if (fields === null) throw new Error(`not a server-sent event: ${part}`);
      return { event: fields[1] ?? "", data: JSON.parse(fields[2] ?? "") };
    });
}

/** The text of all text deltas. */
export function streamedText(events: readonly SentEvent[]): string {
  return events.map(({ data }) => (data["delta"] as { text?: string } | undefined)?.text ?? "").join("");
}

/** Sends a request and gives its answer's text. */
export async function ask(
  url: string,
  prompts: readonly string[],
  more: Record<string, unknown> = {},
): Promise<string> {
  return streamedText(readEvents(await (await post(url, requestBody(prompts, more))).text()));
}
