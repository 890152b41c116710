/** A run of text, or one character that is invisible or looks like another one. */
export interface Run {
  readonly text: string;
  readonly hidden: boolean;
}

/**
 * Control and zero-width characters, tags, and marks that change the writing direction: the person who decides on a call
 * must see what it contains, not what it looks like.
 */
const HIDDEN = /(?![\ufe0f\t\n])[\p{Cc}\p{Default_Ignorable_Code_Point}\u2028\u2029\ufff9-\ufffb]/gu;

const WORD = /[\p{L}\p{M}\p{N}]+/gu;
/** Letters that look Latin, as in core/pages: another file than the one that a reader sees. */
const LOOK_ALIKE =
  /[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}\p{Script=Cherokee}\p{Script=Coptic}\u0250-\u02af\u2100-\u214f\uff21-\uff3a\uff41-\uff5a\u{1d400}-\u{1d7cb}]/gu;

/**
 * Splits text so that invisible characters, and letters that look Latin in words with Latin ones, can be shown by code
 * point. A Windows line break counts as one.
 */
export function runsOf(text: string): Run[] {
  const runs: Run[] = [];
  let from = 0;
  for (const { sign, index } of signsIn(text)) {
    if (sign === "\r" && text[index + 1] === "\n") continue;
    // Joins the parts of one emoji.
    if (sign === "\u200d" && /\p{Extended_Pictographic}$|\ufe0f$/u.test(text.slice(index - 2, index)))
      continue;
    if (index > from) runs.push({ text: text.slice(from, index), hidden: false });
    const number = (sign.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
    runs.push({ text: `U+${number}`, hidden: true });
    from = index + sign.length;
  }
  if (from < text.length) runs.push({ text: text.slice(from), hidden: false });
  return runs;
}

interface Sign {
  readonly sign: string;
  readonly index: number;
}

function signsIn(text: string): Sign[] {
  const signs = [...text.matchAll(HIDDEN)].map(({ 0: sign, index }) => ({ sign, index }));
  for (const { 0: word, index: start } of text.matchAll(WORD)) {
    if (!/[A-Za-z]/.test(word)) continue;
    for (const { 0: sign, index } of word.matchAll(LOOK_ALIKE)) signs.push({ sign, index: start + index });
  }
  return signs.sort((one, other) => one.index - other.index);
}
