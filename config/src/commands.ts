import { either, nearest } from "@claudeway/schemas";
import { ConfigError } from "./errors.js";

export type CommandName =
  | "serve"
  | "check"
  | "init"
  | "create-plugin"
  | "backup"
  | "restore"
  | "login"
  | "help";

interface CommandForm {
  /** How its one argument is written in its usage; undefined: it has none. */
  readonly argument?: string;
  /** What its arguments are, in words that fit after "takes". */
  readonly takes: string;
  /** A few words for the list of commands; `help` itself has none. */
  readonly summary?: string;
  /** What it does, in a sentence. */
  readonly help: string;
}

/** Without a word the gateway serves. */
export const COMMANDS: Readonly<Record<CommandName, CommandForm>> = {
  serve: { takes: "no arguments", summary: "the default", help: "Runs the gateway." },
  check: {
    takes: "no arguments",
    summary: "start nothing",
    help: "Checks everything that a start needs, without starting.",
  },
  init: {
    takes: "no arguments",
    summary: "write a file",
    help: "Asks on the terminal what the gateway is to be, and writes claudeway.toml.",
  },
  "create-plugin": {
    argument: "<name>",
    takes: "the name of the plugin",
    summary: "./<name>",
    help: "Writes a new plugin into ./<name>, with its configuration, build and tests.",
  },
  backup: {
    argument: "<file>",
    takes: "the file to write",
    summary: "to file",
    help: "Copies the ledger, and what plugins keep, to a file, also while the gateway runs.",
  },
  restore: {
    argument: "<file>",
    takes: "the file that backup wrote",
    summary: "from it",
    help: "Makes a data folder of a file that backup wrote.",
  },
  login: {
    takes: "no arguments",
    summary: "Claude",
    help: "Runs the Claude CLI's own login, with the configuration folder that the gateway uses.",
  },
  help: { takes: "no arguments", help: "Lists the commands and flags." },
};

/** The command that the words on the command line name, with its arguments; with `help` there may be any. */
export function findCommand(
  words: readonly string[],
  help: boolean,
): { readonly command: CommandName; readonly args: readonly string[] } {
  const [word = "serve", ...args] = words;
  if (!isCommand(word)) throw new ConfigError(explainCommand(word));
  const { argument, takes } = COMMANDS[word];
  if (help || args.length === (argument === undefined ? 0 : 1)) return { command: word, args };
  throw new ConfigError(
    `${word}: has ${args.length} ${args.length === 1 ? "argument" : "arguments"}; takes ${takes}`,
  );
}

function isCommand(word: string): word is CommandName {
  return Object.hasOwn(COMMANDS, word);
}

function explainCommand(word: string): string {
  const there = Object.entries(COMMANDS).flatMap(([name, { summary }]) =>
    summary === undefined ? [] : [name],
  );
  const meant = nearest(word, Object.keys(COMMANDS));
  const hint = meant === undefined ? `takes ${either(there)}` : `did you mean ${meant}?`;
  // A key that slipped out of its flag lands here; only what looks like a command is repeated.
  return /^[a-z][a-z-]{0,19}$/.test(word)
    ? `${word}: unknown command; ${hint}`
    : `command line: a word that belongs to no flag and is no command; takes ${either(there)}`;
}
