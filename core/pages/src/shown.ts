import { hash } from "node:crypto";

/** A call's input for a person to read: hidden characters are spelled out, and omissions are stated. */
export interface ShownInput {
  /** Plain text. Escape it for its destination. */
  readonly text: string;
  /** Length of the whole text, in characters. */
  readonly length: number;
  /** SHA-256 of the whole text, in hex; set if the text is cut. */
  readonly sha256: string | undefined;
}

/** The most that a page shows of an input, in characters; each value gets an equal part. */
const LONGEST = 4000;
/** The least that is shown of each value, so that every value shows in a call with many. */
const LEAST = 200;
/** How much of a cut text's end is shown, in characters: the important part may be there. */
const TAIL = 1000;

// Controls but tab and line feed, invisible and bidirectional characters, private use, lone surrogates, blanks other than
// the space, fillers that count as letters, the blank braille pattern, tags.
const HIDDEN =
  /(?![\t\n])[\p{C}\p{Default_Ignorable_Code_Point}\u2800]|(?! )\p{Z}|[\u115f\u1160\u3164\uffa0]/gu;

const WORD = /[\p{L}\p{M}\p{N}]+/gu;
// Letters of scripts that have look-alikes of Latin ones; full-width, mathematical and other forms of Latin letters.
const LOOK_ALIKE =
  /[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}\p{Script=Cherokee}\p{Script=Coptic}\u0250-\u02af\u2100-\u214f\uff21-\uff3a\uff41-\uff5a\u{1d400}-\u{1d7cb}]/gu;

/**
 * Shows an input line by line as `name: value`: strings verbatim, everything else as JSON. No value can hide another by
 * its length, or pass its own lines off as other values: texts of several lines are indented.
 */
export function showInput(input: Readonly<Record<string, unknown>>, longest = LONGEST): ShownInput {
  const values = Object.entries(input).map(([name, value]): [string, string] => [
    /^[\w.-]+$/.test(name) ? name : JSON.stringify(name),
    typeof value === "string" ? value : JSON.stringify(value, null, 2),
  ]);
  const lines = values.map(([name, value]) => `${name}: ${value}`);
  const { length, sha256 } = showText(lines.join("\n"), longest);
  const each = sha256 === undefined ? longest : Math.max(LEAST, Math.floor(longest / values.length));
  const text = values.map(([name, value]) => `${spellHidden(name)}: ${setIn(showText(value, each).text)}`);
  return { text: text.join("\n"), length, sha256 };
}

export function showText(whole: string, longest = LONGEST): ShownInput {
  if (whole.length <= longest) return { text: spellHidden(whole), length: whole.length, sha256: undefined };
  const sha256 = hash("sha256", whole);
  const tail = Math.min(TAIL, Math.floor(longest / 2));
  const left = whole.length - longest;
  const cut = `\n[… ${left} of ${whole.length} characters are not shown; SHA-256 of all: ${sha256} …]\n`;
  const text = spellHidden(whole.slice(0, longest - tail)) + cut + spellHidden(whole.slice(-tail));
  return { text, length: whole.length, sha256 };
}

/**
 * Spells out characters that are invisible, or that change how their neighbours are displayed, and letters of other scripts in
 * words with ASCII letters, which they look like: the word may name another file than the one that a reader sees.
 */
export function spellHidden(text: string): string {
  const spelled = text.replace(HIDDEN, spell);
  return spelled.replace(WORD, (word) => (/[A-Za-z]/.test(word) ? word.replace(LOOK_ALIKE, spell) : word));
}

function spell(char: string): string {
  return `⟨U+${codeOf(char)}⟩`;
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** Puts a text of several lines below its name, indented. */
function setIn(text: string): string {
  return text.includes("\n") ? `\n${text}`.replaceAll("\n", "\n    ") : text;
}

function codeOf(char: string): string {
  return (char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
}
