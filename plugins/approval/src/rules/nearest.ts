import { distance } from "fastest-levenshtein";

/** The name that a misspelled word probably means: at most two edits away. Undefined if none is close. */
export function nearest(word: string, names: readonly string[]): string | undefined {
  const [best] = names
    .map((name) => ({ name, distance: distance(word.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const most = word.length < 5 ? 1 : 2;
  return best !== undefined && best.distance <= most ? best.name : undefined;
}
