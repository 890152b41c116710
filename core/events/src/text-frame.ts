import type { Frame } from "@claudeway/ports";

/** A text that is cut out of where it is stored when it is needed. A string is one too. */
export interface Text {
  readonly length: number;
  slice(from: number, end: number): string;
}

/** A growing text between two offsets. It holds no characters. */
export class TextSpan implements Text {
  constructor(
    private readonly text: Text,
    private readonly from: number,
    private readonly end: number,
  ) {}

  get length(): number {
    return this.end - this.from;
  }

  slice(from: number, end: number): string {
    return this.text.slice(this.from + from, Math.min(this.from + end, this.end));
  }
}

/** The texts of frames whose data is not cut out yet. */
const spans = new WeakMap<object, TextSpan>();

/** A frame of text, whose data is cut out when it is first asked for. */
export function textFrame(id: number, span: TextSpan): Frame {
  let data: string | undefined;
  const frame = {
    id,
    event: "text" as const,
    get data() {
      data ??= span.slice(0, span.length);
      return data;
    },
  };
  spans.set(frame, span);
  return frame;
}

/** The data of a frame; that of a frame of text without cutting it out. */
export function dataOf(frame: { readonly data: unknown }): unknown {
  return spans.get(frame) ?? frame.data;
}
