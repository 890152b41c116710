const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const THURSDAY = 4;

export type Grain = "all" | "month" | "week" | "day" | "minute";

const LENGTHS = { month: "2026-03".length, day: "2026-03-12".length, minute: "2026-03-12T10:05".length };

/** The UTC period of a time (ms since 1970): `2026-03-12`, `2026-W11`, `2026-03`, `2026-03-12T10:05`, or "" for all time. */
export function periodOf(grain: Grain, ms: number): string {
  if (grain === "all") return "";
  if (grain === "week") return isoWeekOf(ms);
  return new Date(ms).toISOString().slice(0, LENGTHS[grain]);
}

/** When the period of a time ends, in ms since 1970; undefined for all time. */
export function endOf(grain: Grain, ms: number): number | undefined {
  const at = new Date(ms);
  if (grain === "all") return undefined;
  if (grain === "month") return Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1);
  if (grain === "minute") return (Math.floor(ms / MINUTE_MS) + 1) * MINUTE_MS;
  const days = grain === "day" ? 1 : 8 - (at.getUTCDay() || 7);
  return (Math.floor(ms / DAY_MS) + days) * DAY_MS;
}

/** ISO 8601: a week belongs to the year of its Thursday, and week 1 has the first Thursday. */
function isoWeekOf(ms: number): string {
  const weekday = new Date(ms).getUTCDay() || 7;
  const thursday = new Date(ms + (THURSDAY - weekday) * DAY_MS);
  const year = thursday.getUTCFullYear();
  const week = 1 + Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / (7 * DAY_MS));
  return `${year}-W${String(week).padStart(2, "0")}`;
}
