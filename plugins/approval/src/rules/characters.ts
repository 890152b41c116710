// Control, invisible, bidirectional and private-use characters, lone surrogates; white space other than the space; fillers
// that count as letters; the blank braille pattern.
const HIDDEN = /[\p{C}\p{Default_Ignorable_Code_Point}\u2800]|(?! )\p{Z}/u;

/** Whether a text contains characters that are invisible, or that change how their neighbours are shown. */
export function hasHidden(text: string): boolean {
  return HIDDEN.test(text);
}

/** The text with such characters written out, for messages. */
export function spelledOut(text: string): string {
  return [...text].map((char) => (HIDDEN.test(char) ? `\\u{${codePoint(char)}}` : char)).join("");
}

function codePoint(char: string): string {
  return (char.codePointAt(0) ?? 0).toString(16);
}
