import { distance } from "fastest-levenshtein";

const LONGEST = 64;

/**
 * Finds the candidate nearest to `word`, or undefined if none is near. Case, hyphens and underscores are ignored, two
 * swapped letters count as one edit, and a prefix counts as near.
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

/** Counts the edits between the two; undefined if they exceed one letter in three. */
function slipsBetween(given: string, wanted: string): number | undefined {
  if (wanted.length > LONGEST) return undefined;
  const edits = distance(given, wanted);
  const slips = edits === 2 && lettersOf(given) === lettersOf(wanted) ? 1 : edits;
  if (slips <= Math.max(1, Math.floor(Math.max(given.length, wanted.length) / 3))) return slips;
  return given.length >= 3 && wanted.startsWith(given) ? slips : undefined;
}

function lettersOf(word: string): string {
  return [...word].sort().join("");
}
