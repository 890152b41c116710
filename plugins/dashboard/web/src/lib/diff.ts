import { diffArrays } from "diff";

/** A line of a diff, with its line numbers before and after. */
export interface DiffLine {
  readonly kind: "same" | "gone" | "new";
  readonly text: string;
  readonly before: number | undefined;
  readonly after: number | undefined;
}

/** Texts with more differences are unrelated, and comparing them would be slow. */
const MAX_EDITS = 600;

/** The shortest edit from one text to the other, line by line. */
export function diffLines(before: string, after: string): DiffLine[] {
  const [a, b] = [linesOf(before), linesOf(after)];
  const changes = diffArrays(a, b, { maxEditLength: MAX_EDITS }) ?? [
    { value: a, added: false, removed: true },
    { value: b, added: true, removed: false },
  ];
  let [x, y] = [0, 0];
  return changes.flatMap(({ value, added, removed }) =>
    value.map((text): DiffLine => {
      if (removed) return { kind: "gone", text, before: ++x, after: undefined };
      if (added) return { kind: "new", text, before: undefined, after: ++y };
      return { kind: "same", text, before: ++x, after: ++y };
    }),
  );
}

function linesOf(text: string): string[] {
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}
