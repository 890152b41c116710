/** A substring keeps its whole string in memory; a copy does not. */
export function copyOf(text: string): string {
  return Buffer.from(text, "utf16le").toString("utf16le");
}
