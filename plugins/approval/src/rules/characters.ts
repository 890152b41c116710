// Controls, invisible and bidirectional characters, private use, lone surrogates; blanks other than the space; fillers
// that count as letters; the blank braille pattern.
const HIDDEN = /[\p{C}\p{Default_Ignorable_Code_Point}\u2800]|(?! )\p{Z}/u;

/** Whether a text holds characters that do not show, or that change how their neighbours show. */
export function hasHidden(text: string): boolean {
  return HIDDEN.test(text);
}

/** The text with such characters spelled out, for messages. */
export function spelledOut(text: string): string {
  return [...text].map((char) => (HIDDEN.test(char) ? `\\u{${codePoint(char)}}` : char)).join("");
}

function codePoint(char: string): string {
  return (char.codePointAt(0) ?? 0).toString(16);
}
