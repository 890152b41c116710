import { nearest } from "@claudeway/schemas";
import { ConfigError } from "./errors.js";

export type CommandName =
  | "serve"
  | "check"
  | "init"
  | "create-plugin"
  | "backup"
  | "restore"
  | "copy-ledger"
  | "login"
  | "nodes"
  | "help";

interface CommandForm {
  /** Its one argument, as its usage line shows it; undefined if it accepts none. */
  readonly argument?: string;
  /** What the argument is, for error messages. */
  readonly meaning?: string;
  /** The values that the argument may have, if not any. */
  readonly values?: readonly string[];
  /** A few words for the list of commands, which has two lines for all of them; may be empty. */
  readonly summary?: string;
  /** What it does, in a sentence. */
  readonly help: string;
}

/** The commands, by name; the default is `serve`. */
export const COMMANDS: Readonly<Record<CommandName, CommandForm>> = {
  serve: { summary: "the default", help: "Runs the gateway." },
  check: {
    summary: "without starting",
    help: "Checks everything a start needs, without starting.",
  },
  init: {
    summary: "write a file",
    help: "Asks for the settings on the terminal and writes claudeway.toml.",
  },
  "create-plugin": {
    argument: "<name>",
    meaning: "the name of the plugin",
    summary: "",
    help: "Writes a new plugin into ./<name>, with its configuration, build and tests.",
  },
  backup: {
    argument: "<file>",
    meaning: "the file to write",
    summary: "to file",
    help: "Copies the ledger and the plugins' data to a file. The gateway may be running.",
  },
  restore: {
    argument: "<file>",
    meaning: "a file that backup wrote",
    summary: "from it",
    help: "Creates a data folder from a file that backup wrote.",
  },
  "copy-ledger": {
    argument: "<postgres|sqlite>",
    meaning: "the ledger to write, postgres or sqlite",
    values: ["postgres", "sqlite"],
    summary: "",
    help: "Copies the ledger of the data folder to LEDGER_URL, or back. The gateway must be stopped.",
  },
  login: {
    summary: "",
    help: "Runs the Claude CLI's own login, with the configuration folder that the gateway uses.",
  },
  nodes: {
    summary: "",
    help: "Lists the nodes of the cluster: their state, version, load and address.",
  },
  help: { help: "Lists the commands and flags." },
};

/**
 * Finds the command and its arguments. `others` are the commands of plugins. With `help`, the arguments are not checked.
 */
export function findCommand(
  words: readonly string[],
  help: boolean,
  others: readonly string[],
): { readonly command: CommandName; readonly args: readonly string[] } {
  const [word = "serve", ...args] = words;
  if (!isCommand(word)) throw new ConfigError(explainCommand(word, others));
  const { argument, meaning, values } = COMMANDS[word];
  const count = argument === undefined ? 0 : 1;
  const isValid = args.length === count && args.every((arg) => values?.includes(arg) ?? true);
  if (help || isValid) return { command: word, args };
  const allowed = argument === undefined ? "no arguments" : `one argument, ${meaning}`;
  const got = args.length === count ? JSON.stringify(args[0]) : args.length;
  throw new ConfigError(`${word} must have ${allowed}; got ${got}`);
}

/** Whether the gateway itself has the command. */
export function isCommand(word: string): word is CommandName {
  return Object.hasOwn(COMMANDS, word);
}

function explainCommand(word: string, others: readonly string[]): string {
  const listed = Object.entries(COMMANDS).flatMap(([name, { summary }]) =>
    summary === undefined ? [] : [name],
  );
  const known = `known commands: ${[...listed, ...others].join(", ")}`;
  const meant = nearest(word, [...Object.keys(COMMANDS), ...others]);
  // The word may be a key without its flag, so it is shown only if it looks like a command.
  return /^[a-z][a-z-]{0,19}$/.test(word)
    ? `unknown command "${word}"; ${meant === undefined ? known : `did you mean ${meant}?`}`
    : `command line: an argument (not shown) is neither a flag nor a command; ${known}`;
}
