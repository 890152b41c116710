const DAY_MS = 86_400_000;
const THURSDAY = 4;

export type Grain = "all" | "month" | "week" | "day";

/** The UTC period of a time (ms since 1970): `2026-03-12`, `2026-W11`, `2026-03`, or "" for all time. */
export function periodOf(grain: Grain, ms: number): string {
  if (grain === "all") return "";
  if (grain === "week") return isoWeekOf(ms);
  return new Date(ms).toISOString().slice(0, grain === "day" ? 10 : 7);
}

/** ISO 8601: a week belongs to the year of its Thursday, and week 1 has the first Thursday. */
function isoWeekOf(ms: number): string {
  const weekday = new Date(ms).getUTCDay() || 7;
  const thursday = new Date(ms + (THURSDAY - weekday) * DAY_MS);
  const year = thursday.getUTCFullYear();
  const week = 1 + Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / (7 * DAY_MS));
  return `${year}-W${String(week).padStart(2, "0")}`;
}
