import { MessengerFailure } from "./failures.js";

/** A body has more bytes than are read of it. */
export class TooLarge extends MessengerFailure {
  constructor(what: string, maxBytes: number) {
    super("rejected", `${what} must have at most ${maxBytes} bytes`);
  }
}

/** The body of a response. Stops reading, and rejects with `TooLarge`, when it has more bytes. */
export async function readWithin(response: Response, maxBytes: number, what: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.byteLength;
    if (length > maxBytes) throw new TooLarge(what, maxBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
