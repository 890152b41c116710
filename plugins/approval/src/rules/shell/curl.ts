import type { Value } from "./pattern.js";

// Short options without a value, before one whose value is a text.
const TEXT = "-[fsSLkvigjlnNpqaIG0-9#]*[dHFbuAewX]";
const ATTACHED = new RegExp(`^${TEXT}.`, "s");
const TAKES_TEXT = new RegExp(
  `^(?:${TEXT}|--(?:data(?:-[a-z]+)?|json|header|form(?:-string)?|cookie|user(?:-agent)?|write-out|request))$`,
);
/** Options that do not take the next argument. */
const ALONE =
  /^(?:-[fsSLkvigjlnNpqaIG0-9#]+|--(?:silent|show-error|fail|fail-with-body|location|compressed|insecure|get|verbose|include))$/;

/** Whether curl makes several names of one, in an address that may be a file's or in an upload: `[a-c]`, `{a,b}`. */
export function expandsNames(args: readonly Value[]): boolean {
  return args.some((arg = "", at) => {
    if (!/[[{]/.test(arg) || /^https?:\/\//i.test(arg)) return false;
    return args.includes("--") || !(ATTACHED.test(arg) || isText(args, at));
  });
}

/** Whether an argument is surely the text of the option before it, which must not be the value of another one. */
function isText(args: readonly Value[], at: number): boolean {
  const [before = "", option = ""] = [args[at - 2], args[at - 1]];
  const isOption = !before.startsWith("-") || ALONE.test(before) || ATTACHED.test(before);
  return isOption && TAKES_TEXT.test(option);
}
