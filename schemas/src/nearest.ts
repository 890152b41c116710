const LONGEST = 64;

/**
 * The candidate that `word` was most likely meant to be, or undefined if none is near. Case, hyphens and underscores
 * do not count, two swapped letters count as one slip, and the beginning of a longer name is near to it.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const given = plain(word);
  if (given === "" || given.length > LONGEST) return undefined;
  let best: { readonly candidate: string; readonly slips: number } | undefined;
  for (const candidate of candidates) {
    const slips = slipsBetween(given, plain(candidate));
    if (slips !== undefined && (best === undefined || slips < best.slips)) best = { candidate, slips };
  }
  return best?.candidate;
}

function plain(word: string): string {
  return word.toLowerCase().replaceAll(/[-_\s]/g, "");
}

/** How many slips lie between the two; undefined if that is more than one letter in three. */
function slipsBetween(given: string, wanted: string): number | undefined {
  if (wanted.length > LONGEST) return undefined;
  const slips = distance(given, wanted);
  if (slips <= Math.max(1, Math.floor(Math.max(given.length, wanted.length) / 3))) return slips;
  return given.length >= 3 && wanted.startsWith(given) ? slips : undefined;
}

/** Edits that turn one into the other: a letter more, less or other, or two neighbours swapped. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const line = [row];
    for (let column = 1; column <= b.length; column++) {
      const change = a[row - 1] === b[column - 1] ? 0 : 1;
      const swapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      line.push(
        Math.min(
          at(above, column) + 1,
          at(line, column - 1) + 1,
          at(above, column - 1) + change,
          swapped ? at(before, column - 2) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
    before = above;
    above = line;
  }
  return at(above, b.length);
}

function at(line: readonly number[], column: number): number {
  return line[column] ?? Number.POSITIVE_INFINITY;
}
