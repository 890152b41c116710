/** A line of a diff, and where it stands before and after. */
export interface DiffLine {
  readonly kind: "same" | "gone" | "new";
  readonly text: string;
  readonly before: number | undefined;
  readonly after: number | undefined;
}

/** Beyond so many differences the two have nothing to do with each other, and it would take long to find out. */
const MOST_EDITS = 600;

/** The shortest way from one text to the other, line by line (Myers, "An O(ND) Difference Algorithm"). */
export function diffLines(before: string, after: string): DiffLine[] {
  const [a, b] = [linesOf(before), linesOf(after)];
  const path = shortestPath(a, b) ?? wholly(a, b);
  let [x, y] = [0, 0];
  return path.map((kind) => {
    const line: DiffLine = {
      kind,
      text: (kind === "new" ? b[y] : a[x]) ?? "",
      before: kind === "new" ? undefined : x + 1,
      after: kind === "gone" ? undefined : y + 1,
    };
    if (kind !== "new") x += 1;
    if (kind !== "gone") y += 1;
    return line;
  });
}

function linesOf(text: string): string[] {
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}

function wholly(a: readonly string[], b: readonly string[]): DiffLine["kind"][] {
  return [...a.map(() => "gone" as const), ...b.map(() => "new" as const)];
}

/** For each number of edits, how far each diagonal gets; undefined: too many edits. */
function shortestPath(a: readonly string[], b: readonly string[]): DiffLine["kind"][] | undefined {
  const most = Math.min(MOST_EDITS, a.length + b.length);
  const rounds: Map<number, number>[] = [];
  let reach = new Map([[1, 0]]);
  for (let edits = 0; edits <= most; edits++) {
    rounds.push(new Map(reach));
    for (let k = -edits; k <= edits; k += 2) {
      let x = stepOnto(reach, k, edits);
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x += 1;
      reach.set(k, x);
      if (x >= a.length && x - k >= b.length) return walkBack(rounds, a.length, b.length);
    }
    reach = new Map(reach);
  }
  return undefined;
}

/** Where an edit leads on diagonal `k`: a line more of the new text (from above), or one less of the old. */
function stepOnto(reach: ReadonlyMap<number, number>, k: number, edits: number): number {
  const [below, above] = [reach.get(k - 1) ?? -1, reach.get(k + 1) ?? -1];
  return k === -edits || (k !== edits && below < above) ? above : below + 1;
}

function walkBack(rounds: readonly Map<number, number>[], width: number, height: number): DiffLine["kind"][] {
  const path: DiffLine["kind"][] = [];
  let [x, y] = [width, height];
  for (let edits = rounds.length - 1; edits >= 0; edits--) {
    const reach = rounds[edits] ?? new Map<number, number>();
    const k = x - y;
    const [below, above] = [reach.get(k - 1) ?? -1, reach.get(k + 1) ?? -1];
    const fromAbove = k === -edits || (k !== edits && below < above);
    const startX = fromAbove ? above : below;
    const startY = startX - (fromAbove ? k + 1 : k - 1);
    while (x > Math.max(startX, 0) && y > Math.max(startY, 0)) {
      path.push("same");
      x -= 1;
      y -= 1;
    }
    if (edits > 0) path.push(fromAbove ? "new" : "gone");
    [x, y] = [startX, startY];
  }
  return path.reverse();
}
