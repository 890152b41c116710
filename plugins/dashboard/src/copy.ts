/** A substring keeps its whole string in memory; a copy does not. Runs in browsers too. */
export function copyOf(text: string): string {
  return structuredClone(text);
}
