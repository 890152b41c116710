import { type CommandLine, nameOf, nearest, validate } from "@claudeway/schemas";
import { Command, CommanderError, Option } from "commander";
import { type CommandName, findCommand } from "./commands.js";
import { ConfigError } from "./errors.js";
import type { NamedFile } from "./file.js";
import { fileSettings, flagSettings, longFlag, type Setting } from "./settings.js";
import { readText, splitList } from "./text.js";
import type { Environment } from "./variables.js";

/** The parsed arguments, before they are merged with the file and the environment. */
export interface Arguments {
  readonly command: CommandName;
  readonly args: readonly string[];
  readonly commandLine: CommandLine;
  /** The configuration file, if one is named. */
  readonly file: NamedFile | undefined;
  /** Values of settings that the file may hold too, by their key. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** Reads `argv` (without the program's own name), and the variables that stand for flags without a setting in the file. */
export function parseArguments(argv: readonly string[], env: Environment): Arguments {
  const program = buildProgram();
  const { operands, unknown } = parseFlags(program, argv);
  if (unknown[0] !== undefined) throw new ConfigError(explainFlag(unknown[0]));
  const given: Readonly<Record<string, unknown>> = program.opts();
  const own = validate("command-line", collect(flagSettings(), given), { names: flagNames(flagSettings()) });
  if (!own.ok) throw new ConfigError(own.message);
  return {
    ...findCommand(operands, own.value.help),
    commandLine: { ...own.value, enable_plugin: [...pluginsIn(env), ...own.value.enable_plugin] },
    file: namedFile(own.value, env),
    settings: collect(fileSettings(), given),
  };
}

// An empty variable is the same as none: a compose file passes on `${NAME:-}`.

function pluginsIn({ CLAUDEWAY_PLUGINS: names = "" }: Environment): string[] {
  return splitList(names).filter((name) => name !== "");
}

function namedFile(
  { config }: CommandLine,
  { CLAUDEWAY_CONFIG: path = "" }: Environment,
): NamedFile | undefined {
  if (config !== undefined) return { path: config, by: "--config" };
  return path === "" ? undefined : { path, by: "CLAUDEWAY_CONFIG" };
}

/** The flag of each setting, by the setting's key. */
export function flagNames(settings: readonly Setting[]): Record<string, string> {
  return Object.fromEntries(
    settings.flatMap(({ key, flag }) => (flag === undefined ? [] : [[key, longFlag(flag)]])),
  );
}

/** Builds the commander program that parses the flags and formats the help. */
export function buildProgram(): Command {
  const program = new Command("claudeway").helpOption(false).exitOverride();
  program.configureOutput({ writeOut: () => {}, writeErr: () => {}, outputError: () => {} });
  for (const { flag } of [...fileSettings(), ...flagSettings()]) {
    if (flag !== undefined) program.addOption(toOption(flag));
  }
  return program;
}

function toOption(flag: string): Option {
  const option = new Option(flag);
  // All values are kept: a list may be given in several flags.
  return option.required ? option.argParser((text, before: string[] = []) => [...before, text]) : option;
}

function parseFlags(program: Command, argv: readonly string[]) {
  try {
    return program.parseOptions([...argv]);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    const last = argv.at(-1) ?? "";
    throw new ConfigError(`${nameOf(last)} must have a value; see claudeway --help`);
  }
}

function explainFlag(given: string): string {
  // The part after the equals sign may be a secret.
  const name = given.replace(/=.*$/s, "");
  const names = Object.values(flagNames([...fileSettings(), ...flagSettings()]));
  if (names.includes(name)) return `${name} must not have a value`;
  const meant = nearest(name, names);
  const hint = meant === undefined ? "see claudeway --help" : `did you mean ${meant}?`;
  return `unknown flag ${nameOf(name)}; ${hint}`;
}

function collect(
  settings: readonly Setting[],
  given: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return Object.fromEntries(
    settings.flatMap((setting) => {
      const value = setting.flag === undefined ? undefined : givenFor(setting, setting.flag, given);
      return value === undefined ? [] : [[setting.key, value]];
    }),
  );
}

function givenFor({ types }: Setting, flag: string, given: Readonly<Record<string, unknown>>): unknown {
  const option = new Option(flag);
  const value = given[option.attributeName()];
  // Commander reports a `--no-` flag under the positive name, with the value false.
  if (option.negate) return value === false ? true : undefined;
  if (!Array.isArray(value)) return value;
  const texts = value.filter((text) => typeof text === "string");
  if (!types.includes("array")) return readText(texts.at(-1) ?? "", types);
  return types.includes("string") ? texts.join(",") : texts.flatMap(splitList);
}
