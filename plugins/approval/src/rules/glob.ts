/** Literal pieces with "anything" between them: `te*st` is `["te", "st"]`. A single piece has no wildcard. */
export type Glob = readonly string[];

/** Treats every `*` as a wildcard. */
export function toGlob(text: string): Glob {
  return text.split("*");
}

export function hasWildcard(glob: Glob): boolean {
  return glob.length > 1;
}

export function globMatches(glob: Glob, text: string): boolean {
  const [first = "", ...rest] = glob;
  const last = rest.pop();
  if (last === undefined) return text === first;
  const end = text.length - last.length;
  if (end < first.length || !text.startsWith(first) || !text.endsWith(last)) return false;
  let at = first.length;
  for (const piece of rest) {
    const found = text.indexOf(piece, at);
    if (found === -1 || found + piece.length > end) return false;
    at = found + piece.length;
  }
  return true;
}
