const WORDS: ReadonlyMap<string, boolean> = new Map([
  ["1", true],
  ["true", true],
  ["yes", true],
  ["0", false],
  ["false", false],
]);

/**
 * What a text from a flag or the environment stands for, where one of `types` (of JSON Schema) is wanted. A text that
 * stands for none of them stays what it is, for the check to refuse.
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
