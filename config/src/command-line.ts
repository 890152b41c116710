import { type CommandLine, nameOf, nearest, validate } from "@claudeway/schemas";
import { Command, CommanderError, Option } from "commander";
import { type CommandName, findCommand } from "./commands.js";
import { ConfigError } from "./errors.js";
import type { NamedFile } from "./file.js";
import {
  NO_ADDITIONS,
  type PluginAdditions,
  type PluginCommand,
  type PluginSetting,
} from "./plugin-settings.js";
import { fileSettings, flagSettings, longFlag, type Setting } from "./settings.js";
import { readText, splitList } from "./text.js";
import type { Environment } from "./variables.js";

/** The parsed arguments, before they are merged with the file and the environment. */
export interface Arguments {
  /** `plugin`: that of a plugin. */
  readonly command: CommandName | "plugin";
  readonly args: readonly string[];
  /** The command of a plugin; `args` is everything after it. */
  readonly pluginCommand: PluginCommand | undefined;
  readonly commandLine: CommandLine;
  /** The configuration file, if one is named. */
  readonly file: NamedFile | undefined;
  /** Values of settings that the file may hold too, by their key. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Values of plugins' settings, by plugin and key. */
  readonly pluginSettings: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** The part of the command line that can be read without knowing every plugin. Throws a `ConfigError`. */
export function peekArguments(
  argv: readonly string[],
  env: Environment,
  additions: PluginAdditions,
): Pick<Arguments, "commandLine" | "file"> {
  const program = buildProgram(additions);
  parseFlags(program, argv);
  return readCommandLine(program.opts(), env);
}

/**
 * Reads `argv` (without the program's own name), and the variables that stand for flags without a setting in the file.
 * Throws a `ConfigError`.
 */
export function parseArguments(
  argv: readonly string[],
  env: Environment,
  additions: PluginAdditions,
): Arguments {
  const program = buildProgram(additions);
  const { operands, unknown } = parseFlags(program, argv);
  const given: Readonly<Record<string, unknown>> = program.opts();
  const { commandLine, file } = readCommandLine(given, env);
  const values = {
    commandLine,
    file,
    settings: collect(fileSettings(), given),
    pluginSettings: collectForPlugins(additions.settings, given),
  };
  const pluginCommand = additions.commands.find(({ name }) => name === operands[0]);
  if (pluginCommand !== undefined) {
    // For parseFlags, all that follows such a command is unknown.
    return { command: "plugin", args: [...operands.slice(1), ...unknown], pluginCommand, ...values };
  }
  if (unknown[0] !== undefined) throw new ConfigError(explainFlag(unknown[0], additions));
  const others = additions.commands.map(({ name }) => name);
  return { ...findCommand(operands, commandLine.help, others), pluginCommand, ...values };
}

function readCommandLine(
  given: Readonly<Record<string, unknown>>,
  env: Environment,
): Pick<Arguments, "commandLine" | "file"> {
  const own = validate("command-line", collect(flagSettings(), given), { names: flagNames(flagSettings()) });
  if (!own.ok) throw new ConfigError(own.message);
  const commandLine = { ...own.value, enable_plugin: [...pluginsIn(env), ...own.value.enable_plugin] };
  return { commandLine, file: namedFile(own.value, env) };
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
export function buildProgram({ settings, commands }: PluginAdditions = NO_ADDITIONS): Command {
  const program = new Command("claudeway").helpOption(false).exitOverride().enablePositionalOptions();
  program.configureOutput({ writeOut: () => {}, writeErr: () => {}, outputError: () => {} });
  for (const { flag } of [...fileSettings(), ...flagSettings(), ...settings]) {
    if (flag !== undefined) program.addOption(toOption(flag));
  }
  // What follows the command of a plugin is the plugin's.
  for (const { name } of commands) program.command(name);
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

function explainFlag(given: string, { settings }: PluginAdditions): string {
  // The part after the equals sign may be a secret.
  const name = given.replace(/=.*$/s, "");
  const names = Object.values(flagNames([...fileSettings(), ...flagSettings()])).concat(
    settings.flatMap(({ flag }) => (flag === undefined ? [] : longFlag(flag))),
  );
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

function collectForPlugins(
  settings: readonly PluginSetting[],
  given: Readonly<Record<string, unknown>>,
): Record<string, Record<string, unknown>> {
  const values = [...new Set(settings.map(({ plugin }) => plugin))].map((name) => {
    const own = settings.filter(({ plugin }) => plugin === name);
    return [name, collect(own, given)] as const;
  });
  return Object.fromEntries(values.filter(([, own]) => Object.keys(own).length > 0));
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
