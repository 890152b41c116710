import { dataOf, type Text, TextSpan } from "./text-frame.js";

/** An event to send. A string is sent unchanged, anything else as JSON. */
export interface SentFrame {
  readonly id: number;
  readonly event: string;
  readonly data: unknown;
}

/** A longer text is sent in pieces of so many characters: a slow reader holds one of them, and the text is one for all readers. */
const PIECE_CHARS = 65_536;
/** What a piece must not end with, unless the text does: the beginning of a line break or of a character. */
const BEGUN = /[\r\ud800-\udbff]/;

/** Frames as server-sent events, long ones in pieces; null is a comment. */
export async function* encodeFrames(frames: AsyncIterable<SentFrame | null>): AsyncGenerator<string, void> {
  for await (const frame of frames) {
    if (frame === null) yield ":\n\n";
    else yield* encodeFrame(frame);
  }
}

function* encodeFrame(frame: SentFrame): Generator<string, void> {
  let next = `id: ${frame.id}\nevent: ${frame.event}\ndata: `;
  const data = dataOf(frame);
  const isText = typeof data === "string" || data instanceof TextSpan;
  for (const piece of isText ? piecesOf(data) : jsonOf(data)) {
    // Any line break ends a `data:` line; the client joins the lines with \n.
    next += piece.replaceAll(/\r\n|\r|\n/g, "\ndata: ");
    if (next.length < PIECE_CHARS) continue;
    yield next;
    next = "";
  }
  yield `${next}\n\n`;
}

/** The JSON of a value. The long texts of an object are encoded in pieces. */
function* jsonOf(data: unknown): Generator<string, void> {
  if (!hasLongText(data)) {
    yield JSON.stringify(data);
    return;
  }
  let separator = "{";
  for (const [name, value] of Object.entries(data)) {
    if (value === undefined) continue;
    yield `${separator}${JSON.stringify(name)}:`;
    separator = ",";
    if (typeof value !== "string") yield JSON.stringify(value);
    else {
      yield '"';
      for (const piece of piecesOf(value)) yield JSON.stringify(piece).slice(1, -1);
      yield '"';
    }
  }
  yield "}";
}

function hasLongText(data: unknown): data is Readonly<Record<string, unknown>> {
  if (typeof data !== "object" || data === null || Array.isArray(data)) return false;
  return Object.values(data).some((value) => typeof value === "string" && value.length > PIECE_CHARS);
}

function* piecesOf(text: Text): Generator<string, void> {
  for (let from = 0; from < text.length; ) {
    const full = text.slice(from, from + PIECE_CHARS);
    const isBegun = from + full.length < text.length && BEGUN.test(full.charAt(full.length - 1));
    const piece = isBegun ? full.slice(0, -1) : full;
    yield piece;
    from += piece.length;
  }
}
