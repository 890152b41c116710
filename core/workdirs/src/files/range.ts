import { GatewayError } from "@claudeway/ports";

/** A part of a file: from its first byte to its last one. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/**
 * The part of a file that a `Range` header requests (RFC 9110, 14.2). Undefined for the whole file, which is also the
 * response to other units and to several ranges. Throws RANGE_NOT_SATISFIABLE.
 */
export function rangeOf(header: string, size: number): ByteRange | undefined {
  const [, from = "", to = ""] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header.trim()) ?? [];
  if (from === "" && to === "") return undefined;
  if (from === "") return satisfiable(Math.max(0, size - Number(to)), size - 1, size);
  const last = to === "" ? size - 1 : Math.min(Number(to), size - 1);
  // Not valid, so that it asks for nothing.
  if (to !== "" && Number(to) < Number(from)) return undefined;
  return satisfiable(Number(from), last, size);
}

function satisfiable(first: number, last: number, size: number): ByteRange {
  if (first <= last && first < size) return { first, last };
  throw new GatewayError("RANGE_NOT_SATISFIABLE", `the range must begin within the file's ${size} bytes`, {
    headers: { "content-range": `bytes */${size}` },
  });
}
