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

/** A tool call in one line: the command, the file, or the beginning of its input. */
export function callLine(input: Input): string {
  const field = FIELDS.map((name) => input[name]).find((value) => typeof value === "string" && value !== "");
  const text =
    typeof field === "string" ? field : Object.keys(input).length === 0 ? "" : JSON.stringify(input);
  const line = text.replace(/\s*\n\s*/g, " ⏎ ");
  return line.length > MAX_CHARS ? `${line.slice(0, MAX_CHARS)} …` : line;
}
