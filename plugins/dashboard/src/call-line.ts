import { copyOf } from "./copy.js";

type Input = Readonly<Record<string, unknown>>;

/** The field of a tool's input that says most about the call. */
const FIELDS = [
  "command",
  "file_path",
  "notebook_path",
  "pattern",
  "path",
  "url",
  "query",
  "description",
] as const;
const MAX_CHARS = 200;

const MAX_NAMED = 10;
const MAX_NAME = 40;
/** A value of so few characters is shown with its name. */
const MAX_VALUE = 60;
const NUMBER = new Intl.NumberFormat("en");

/** A tool call in one line: the command, the file, or the beginning of its input. */
export function callLine(input: Input): string {
  const line = wholeLine(input, lineField(input));
  return line.length > MAX_CHARS ? `${copyOf(line.slice(0, MAX_CHARS))} …` : line;
}

/** What `callLine` leaves out of a call: the rest of its field, and the other fields. Empty if it is the whole call. */
export function beyondLine(input: Input): string {
  const field = lineField(input);
  const over = wholeLine(input, field).length - MAX_CHARS;
  const more = over > 0 ? [`${NUMBER.format(over)} more characters`] : [];
  const others = field === undefined ? [] : Object.entries(input).filter(([name]) => name !== field);
  const named = others.slice(0, MAX_NAMED).map(([name, value]) => withValue(name, value));
  const rest = others.length - named.length;
  return [...more, ...named, ...(rest > 0 ? [`${NUMBER.format(rest)} more fields`] : [])].join("; ");
}

/** The field that the line shows; undefined if it shows the input as JSON. */
function lineField(input: Input): string | undefined {
  return FIELDS.find((name) => typeof input[name] === "string" && input[name] !== "");
}

function wholeLine(input: Input, field: string | undefined): string {
  const value = field === undefined ? undefined : input[field];
  const text =
    typeof value === "string" ? value : Object.keys(input).length === 0 ? "" : JSON.stringify(input);
  return text.replace(/\s+/g, (space) => (space.includes("\n") ? " ⏎ " : space));
}

/** A field with its value, or the length of it. */
function withValue(name: string, value: unknown): string {
  const text = JSON.stringify(value) ?? "";
  const shown = text.length <= MAX_VALUE ? text : `${NUMBER.format(text.length)} characters`;
  return `${name.length > MAX_NAME ? `${name.slice(0, MAX_NAME)} …` : name}: ${shown}`;
}
