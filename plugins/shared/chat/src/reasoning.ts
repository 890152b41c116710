/** The sections of an answer with the model's reasoning, as front ends write them. */
const SECTIONS = [
  { opening: "<think>", closing: "</think>" },
  { opening: "<thinking>", closing: "</thinking>" },
  { opening: '<details type="reasoning"', closing: "</details>" },
] as const;
type Section = (typeof SECTIONS)[number];

const OPENING = /<think>|<thinking>|<details type="reasoning"/g;
const SPACE = /\s*/y;

/**
 * Removes reasoning that front ends put into the text of an answer, with the white space after it. What is not closed stays.
 * Reads each character a fixed number of times: a regular expression for whole sections searches the rest of the text for each
 * opening.
 */
export function withoutReasoning(text: string): string {
  const parts: string[] = [];
  let kept = 0;
  /** Sections that are closed nowhere in the rest of the text. */
  const unclosed = new Set<Section>();
  const opening = new RegExp(OPENING);
  for (let found = opening.exec(text); found !== null; found = opening.exec(text)) {
    const [start] = found;
    const section = SECTIONS.find((one) => one.opening === start);
    if (section === undefined || unclosed.has(section)) continue;
    const end = endOf(section, text, opening.lastIndex);
    if (end === undefined) unclosed.add(section);
    else {
      parts.push(text.slice(kept, found.index));
      kept = end;
      opening.lastIndex = end;
    }
  }
  return kept === 0 ? text : parts.join("") + text.slice(kept);
}

/** Where a section ends whose opening ends at `from`; undefined if it is not closed. */
function endOf({ opening, closing }: Section, text: string, from: number): number | undefined {
  const content = opening.endsWith(">") ? from : text.indexOf(">", from);
  const at = content === -1 ? -1 : text.indexOf(closing, content);
  if (at === -1) return undefined;
  const space = new RegExp(SPACE);
  space.lastIndex = at + closing.length;
  space.test(text);
  return space.lastIndex;
}
