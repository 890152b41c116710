/** A cell of a table. */
export interface Cell {
  readonly text: string;
  readonly right: boolean;
}

/** A wider or larger table is shown as it was written: aligned, its lines would be broken in a chat. */
const MAX_WIDTH = 100;
const MAX_COLUMNS = 12;

/** Rows, the first of which is the head, as lines of a monospaced font; undefined if they are too wide. */
export function alignedTable(rows: readonly (readonly Cell[])[]): string | undefined {
  const [head = []] = rows;
  if (head.length === 0 || head.length > MAX_COLUMNS) return undefined;
  const widths = head.map((_, column) => Math.max(...rows.map((row) => widthOf(row[column]?.text ?? ""))));
  if (widths.reduce((sum, width) => sum + width + 3, -3) > MAX_WIDTH) return undefined;
  const lines = rows.map((row) =>
    widths.map((width, column) => padded(row[column] ?? { text: "", right: false }, width)).join(" | "),
  );
  const rule = widths.map((width) => "-".repeat(width)).join("-+-");
  return [lines[0], rule, ...lines.slice(1)].map((line = "") => line.trimEnd()).join("\n");
}

function padded({ text, right }: Cell, width: number): string {
  const space = " ".repeat(Math.max(0, width - widthOf(text)));
  return right ? space + text : text + space;
}

const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
const MARK = /[\p{Mn}\p{Me}\p{Cf}]/u;

/** Columns that a text takes: two for what is twice as wide in monospaced fonts, none for marks. */
function widthOf(text: string): number {
  let width = 0;
  for (const sign of text) width += MARK.test(sign) ? 0 : WIDE.test(sign) ? 2 : 1;
  return width;
}
