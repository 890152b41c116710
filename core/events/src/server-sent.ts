/** An event to send. A string is sent unchanged, anything else as JSON. */
export interface SentFrame {
  readonly id: number;
  readonly event: string;
  readonly data: unknown;
}

/** Frames as server-sent events; null is a comment. */
export async function* encodeFrames(frames: AsyncIterable<SentFrame | null>): AsyncGenerator<string, void> {
  for await (const frame of frames) yield frame === null ? ":\n\n" : encodeFrame(frame);
}

function encodeFrame({ id, event, data }: SentFrame): string {
  const text = typeof data === "string" ? data : JSON.stringify(data);
  // Any line break ends a `data:` line; the client joins the lines with \n.
  const lines = text.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`);
  return `id: ${id}\nevent: ${event}\n${lines.join("")}\n`;
}
