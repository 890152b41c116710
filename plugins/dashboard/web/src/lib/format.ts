const NUMBER = new Intl.NumberFormat("en");
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
const COMPACT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

export function count(value: number): string {
  return NUMBER.format(value);
}

export function compact(value: number): string {
  return value < 10_000 ? NUMBER.format(value) : COMPACT.format(value);
}

const DOLLARS = new Intl.NumberFormat("en", { minimumFractionDigits: 4, maximumFractionDigits: 4 });
const LEAST_USD = 0.0001;

/** Dollars, everywhere to a hundredth of a cent: the cheapest turns cost little more. */
export function usd(value: number | null): string {
  if (value === null) return "unknown";
  if (value === 0) return "$0";
  return value < LEAST_USD ? `<$${LEAST_USD}` : `$${DOLLARS.format(value)}`;
}

const MARK = new Intl.NumberFormat("en", { maximumFractionDigits: 6 });

/** A mark on an axis, which is a round number, but may be a small one. */
export function usdMark(value: number): string {
  return `$${MARK.format(value)}`;
}

export function percent(part: number, whole: number): string {
  return whole === 0 ? "–" : `${((100 * part) / whole).toFixed(1)} %`;
}

export function duration(ms: number | null): string {
  if (ms === null) return "–";
  if (ms < 1000) return `${ms} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const secs = Math.round(ms / 1000);
  const minutes = Math.floor(secs / 60);
  if (minutes < 60) return inTwo(minutes, "min", secs % 60, "s");
  const hours = Math.floor(minutes / 60);
  return hours < 48
    ? inTwo(hours, "h", minutes % 60, "min")
    : inTwo(Math.floor(hours / 24), "d", hours % 24, "h");
}

function inTwo(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

export function bytes(value: number): string {
  if (value < 1024) return `${value} B`;
  return value < 1024 ** 2 ? `${(value / 1024).toFixed(1)} kB` : `${(value / 1024 ** 2).toFixed(1)} MB`;
}

export function ago(instant: string, now: number): string {
  const ms = now - Date.parse(instant);
  if (ms < 5000) return "now";
  if (ms < 60_000) return `${Math.floor(ms / 1000)} s ago`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ago`;
  if (ms < 86_400_000) return `${Math.floor(ms / 3_600_000)} h ago`;
  return `${Math.floor(ms / 86_400_000)} d ago`;
}

/** `2026-03-12 10:00:00 UTC`. */
export function utc(instant: string): string {
  return `${instant.slice(0, 10)} ${instant.slice(11, 19)} UTC`;
}

/** `03-12 10:00`, in UTC. */
export function shortUtc(instant: string): string {
  return `${instant.slice(5, 10)} ${instant.slice(11, 16)}`;
}

/** A period as an axis label: `29 Oct` for a day, `10:00` for an hour. */
export function periodLabel(period: string): string {
  if (/T\d\d$/.test(period)) return `${period.slice(-2)}:00`;
  if (!/^\d{4}-\d\d-\d\d$/.test(period)) return period;
  return DAY.format(Date.parse(period));
}

/** The first part of an id; the title attribute has the whole. */
export function shortId(id: string): string {
  return id.slice(0, 8);
}

export function requests(number: number): string {
  return inWords(number, "request");
}

/** What is to be known of a sum of costs: how many turns are estimated, and how many it leaves out. Empty if none. */
export function costNote(estimated: number, unpriced: number): string {
  return [
    ...(estimated > 0 ? [`${inWords(estimated, "turn")} estimated`] : []),
    ...(unpriced > 0 ? [`${inWords(unpriced, "turn")} of unknown price`] : []),
  ].join(", ");
}

function inWords(number: number, thing: string): string {
  return number === 1 ? `1 ${thing}` : `${count(number)} ${thing}s`;
}
