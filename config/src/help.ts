import { readFileSync } from "node:fs";
import { isObject } from "@claudeway/schemas";
import type { Option } from "commander";
import { type Arguments, buildProgram } from "./command-line.js";
import { COMMANDS, type CommandName } from "./commands.js";
import type { PluginAdditions, PluginCommand } from "./plugin-settings.js";
import { fileSettings, flagSettings, type Setting } from "./settings.js";

/** The version of the gateway. */
export const VERSION = readVersion();

/** The width of a terminal, in characters. */
const WIDTH = 80;

/** The output of `--version`, with its final newline. */
export function versionText(): string {
  return `claudeway ${VERSION}\n`;
}

/**
 * The output of `--help`, with its final newline: of one command, or general help generated from the schemas. Commands
 * and flags of plugins follow those of the gateway.
 */
export function helpText(
  { command, pluginCommand }: Pick<Arguments, "command" | "pluginCommand">,
  additions: PluginAdditions,
): string {
  if (pluginCommand !== undefined) return pluginHelp(pluginCommand);
  const isGeneral = command === "serve" || command === "help" || command === "plugin";
  return isGeneral ? generalHelp(additions) : commandHelp(command);
}

function commandHelp(command: CommandName): string {
  const { argument, help } = COMMANDS[command];
  const usage = ["Usage: claudeway", command, "[flags]", ...(argument === undefined ? [] : [argument])];
  return `${usage.join(" ")}\n\n${help}\n\nAll flags and settings: claudeway --help\n`;
}

function pluginHelp({ plugin, name, summary, usage }: PluginCommand): string {
  const forms = usage.length === 0 ? [""] : usage;
  const lines = forms.map((form) => `claudeway ${`${name} ${form}`.trim()}`);
  return `Usage: ${lines.join("\n       ")}\n\n${summary}\n\n${ABOUT_COMMANDS} The plugin ${plugin} must be enabled there.\n`;
}

const ABOUT_COMMANDS =
  "Asks the running gateway: that of the configuration, or of CLAUDEWAY_URL and\nCLAUDEWAY_KEY.";

function generalHelp(additions: PluginAdditions): string {
  const program = buildProgram();
  const settings = [...fileSettings(), ...flagSettings()];
  program.usage("[command] [flags]").description("HTTP gateway for the Claude CLI.");
  program.configureHelp({
    helpWidth: WIDTH,
    styleTitle: (title) =>
      title.replace("Options:", "Flags [variable, default]; flags override variables, variables the file:"),
    optionDescription: (option) => describeFlag(option, settings),
  });
  return `${program.helpInformation()}\n${commandLine()}\n${pluginLines(additions)}`;
}

function pluginLines({ settings, commands }: PluginAdditions): string {
  if (settings.length + commands.length === 0) return "";
  const rows = [
    ...settings.map(({ plugin, flag = "", ...setting }) => [flag, `${plugin}: ${withFacts(setting)}`]),
    ...commands.map(({ plugin, name, summary }) => [name, `${plugin}: ${summary}`]),
  ];
  const width = Math.max(...rows.map(([left = ""]) => left.length));
  const lines = rows.map(([left = "", right]) => `  ${left.padEnd(width)}  ${right}\n`);
  return `\nFlags, variables and commands of plugins:\n${lines.join("")}`;
}

function describeFlag(option: Option, settings: readonly Setting[]): string {
  const setting = settings.find(({ flag }) => flag === option.flags);
  return setting === undefined ? "" : withFacts(setting);
}

function withFacts(setting: Pick<Setting, "env" | "summary" | "standard">): string {
  const facts = [setting.env, standardOf(setting)].filter((fact) => fact !== undefined);
  return facts.length === 0 ? setting.summary : `${setting.summary} [${facts.join(", ")}]`;
}

function standardOf({ standard }: Pick<Setting, "standard">): string | undefined {
  return typeof standard === "string" || typeof standard === "number" ? String(standard) : undefined;
}

function commandLine(): string {
  const shown = Object.entries(COMMANDS).flatMap(([name, { summary }]) =>
    summary === undefined ? [] : [summary === "" ? name : `${name} (${summary})`],
  );
  const lines = ["Commands:"];
  for (const [index, command] of shown.entries()) {
    const word = ` ${command}${index < shown.length - 1 ? "," : ""}`;
    const line = lines.at(-1) ?? "";
    if (line.length + word.length <= WIDTH) lines[lines.length - 1] = line + word;
    else lines.push(` ${word}`);
  }
  return lines.join("\n");
}

function readVersion(): string {
  // All packages of the workspace have the same version, and package.json is always next to dist/.
  const manifest: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  const { version } = isObject(manifest) ? manifest : {};
  return typeof version === "string" ? version : "unknown";
}
