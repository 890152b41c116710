import { distance } from "fastest-levenshtein";

/** The one of the names that a word is probably meant to be: at most two letters away. Undefined where none is near. */
export function nearest(word: string, names: readonly string[]): string | undefined {
  const [best] = names
    .map((name) => ({ name, distance: distance(word.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const most = word.length < 5 ? 1 : 2;
  return best !== undefined && best.distance <= most ? best.name : undefined;
}
