import { endOfJson } from "./json.js";

/** One `[[…]]` found in a text. */
export interface Directive {
  /** The first word in lower case; empty for the JSON form `[[{"tool": …}]]`. */
  readonly name: string;
  /** What follows the name, without the space around it. */
  readonly rest: string;
  /** All of it, brackets included, as it was written. */
  readonly source: string;
}

interface Span {
  readonly start: number;
  readonly end: number;
}

// Each malformed one costs a scan of the rest of the text, which may be very long.
const MAX_BROKEN_JSON = 20;

/**
 * Every outermost `[[…]]` in the text, in order. Directives may contain others and shell tests (`[[ -f x ]]`): each `[[`
 * needs its `]]`, except in JSON strings. An unclosed `[[` is ordinary text.
 */
export function findDirectives(text: string): Directive[] {
  const spans: Span[] = [];
  const open: number[] = [];
  const brackets = /\[\[|\]\]/g;
  let broken = 0;
  for (let match = brackets.exec(text); match !== null; match = brackets.exec(text)) {
    if (match[0] === "]]") {
      const start = open.pop();
      if (start !== undefined) addSpan(spans, { start, end: brackets.lastIndex });
      continue;
    }
    const json = broken < MAX_BROKEN_JSON ? startOfJson(text, match.index) : -1;
    const end = json === -1 ? -1 : endOfJsonForm(text, json);
    if (end !== -1) {
      addSpan(spans, { start: match.index, end });
      brackets.lastIndex = end;
    } else {
      if (json !== -1) broken++;
      open.push(match.index);
    }
  }
  return spans.map(({ start, end }) => readDirective(text.slice(start, end)));
}

/** Adds a span in place of those that lie inside it. */
function addSpan(spans: Span[], span: Span): void {
  while ((spans.at(-1)?.start ?? -1) > span.start) spans.pop();
  spans.push(span);
}

function startOfJson(text: string, opening: number): number {
  const form = /\[\[\s*(?:tools\s*)?(?=[[{])/iy;
  form.lastIndex = opening;
  return form.test(text) ? form.lastIndex : -1;
}

function endOfJsonForm(text: string, json: number): number {
  const close = /\s*\]\]/y;
  close.lastIndex = endOfJson(text, json);
  return close.lastIndex > 0 && close.test(text) ? close.lastIndex : -1;
}

function readDirective(source: string): Directive {
  const inner = source.slice(2, -2);
  const named = /^\s*([A-Za-z][\w-]*)(?:\s+|$)/.exec(inner);
  if (named === null) return { name: "", rest: inner.trim(), source };
  return { name: (named[1] ?? "").toLowerCase(), rest: inner.slice(named[0].length).trimEnd(), source };
}
