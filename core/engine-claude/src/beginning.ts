/**
 * A text up to so many characters; of a longer one a copy, since a substring keeps the whole text in memory.
 *
 * @param text what a CLI says, whose tools may speak for it: it may be missing, or no text
 */
export function beginningOf(text: unknown, maxChars: number): string {
  const whole = typeof text === "string" ? text : String(text ?? "");
  if (whole.length <= maxChars) return whole;
  return Buffer.from(whole.slice(0, maxChars), "utf16le").toString("utf16le");
}
