import { either, nearest } from "@claudeway/schemas";
import { ConfigError } from "./errors.js";

export type CommandName = "serve" | "check" | "init" | "create-plugin" | "backup" | "restore" | "help";

interface CommandForm {
  /** How many arguments it takes. */
  readonly least: number;
  readonly most: number;
  /** What its arguments are, in words that fit after "takes". */
  readonly takes: string;
  /** For the help; one that is not there yet has none. */
  readonly summary?: string;
}

/** Without a word the gateway serves. */
export const COMMANDS: Readonly<Record<CommandName, CommandForm>> = {
  serve: { least: 0, most: 0, takes: "no arguments", summary: "the default" },
  check: {
    least: 0,
    most: 0,
    takes: "no arguments",
    summary: "start nothing",
  },
  init: { least: 0, most: 0, takes: "no arguments", summary: "write a file" },
  "create-plugin": { least: 1, most: 1, takes: "the name of the plugin", summary: "in ./<name>" },
  backup: { least: 1, most: 1, takes: "the file to write", summary: "to a file" },
  restore: {
    least: 1,
    most: 1,
    takes: "the file that backup wrote",
    summary: "from it",
  },
  help: { least: 0, most: 0, takes: "no arguments" },
};

/** The command that the words on the command line name, with its arguments. */
export function findCommand(words: readonly string[]): {
  readonly command: CommandName;
  readonly args: readonly string[];
} {
  const [word = "serve", ...args] = words;
  if (!isCommand(word)) throw new ConfigError(explainCommand(word));
  const { least, most, takes } = COMMANDS[word];
  if (args.length >= least && args.length <= most) return { command: word, args };
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
