import { nearest } from "@claudeway/schemas";

const WORDS: ReadonlyMap<string, boolean> = new Map([
  ["1", true],
  ["true", true],
  ["yes", true],
  ["0", false],
  ["false", false],
]);

/**
 * Converts a text from a flag or the environment to one of `types` (of JSON Schema). A text that cannot be converted is
 * returned unchanged, and validation rejects it.
 */
export function readText(text: string, types: readonly string[]): unknown {
  if (types.includes("string")) return text;
  if (types.includes("boolean")) return WORDS.get(text.toLowerCase()) ?? text;
  const isNumeric = types.includes("integer") || types.includes("number");
  return isNumeric && /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

/** The parts of a comma-separated list, without the spaces around them. */
export function splitList(text: string): string[] {
  return text.split(",").map((part) => part.trim());
}

/** The hint that follows the semicolon of an error about an unknown name; empty if no known one is near. */
export function didYouMean(name: string, known: readonly string[]): string {
  const meant = nearest(name, known);
  return meant === undefined ? "" : ` did you mean ${meant}?`;
}
