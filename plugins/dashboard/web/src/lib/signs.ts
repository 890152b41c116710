/** A run of text, or one invisible character. */
export interface Run {
  readonly text: string;
  readonly hidden: boolean;
}

/**
 * Control and zero-width characters, tags, and marks that change the writing direction: the person who decides on a call
 * must see what it contains, not what it looks like.
 */
const HIDDEN = /(?![\ufe0f\t\n])[\p{Cc}\p{Default_Ignorable_Code_Point}\u2028\u2029\ufff9-\ufffb]/gu;

/** Splits text so that invisible characters can be shown by code point. A Windows line break counts as one. */
export function runsOf(text: string): Run[] {
  const runs: Run[] = [];
  let from = 0;
  for (const { 0: sign, index } of text.matchAll(HIDDEN)) {
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
