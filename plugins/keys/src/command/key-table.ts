import { fieldsIn } from "../json-object.js";

const HEADS = ["KEY", "STATE", "NAME", "OWNER", "TAGS", "TURNS", "USD", "LAST USED"] as const;

/** Keys as a table for a terminal. */
export function keyTable(keys: readonly unknown[]): string {
  const rows = [HEADS, ...keys.map(cellsOf)];
  const widths = HEADS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function cellsOf(key: unknown): readonly string[] {
  const { key_id, configured, admin, state, name, owner, tags, total_requests, total_cost_usd, last_used } =
    fieldsIn(key);
  const made = configured === true ? (admin === true ? "admin" : "configured") : "former";
  return [
    cell(key_id),
    cell(state ?? made),
    cell(name),
    cell(owner),
    Array.isArray(tags) ? tags.map(cell).join(",") || "-" : "-",
    cell(total_requests),
    typeof total_cost_usd === "number" ? total_cost_usd.toFixed(2) : "-",
    cell(last_used),
  ];
}

/** Without what could move the cursor of a terminal. */
function cell(value: unknown): string {
  if (typeof value !== "string" && typeof value !== "number") return "-";
  return String(value).replaceAll(/[\p{Cc}\p{Cf}]/gu, "");
}
