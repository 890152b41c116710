import type { JSONSchema } from "@claudeway/schemas";
import { isCommand } from "./commands.js";
import { ConfigError } from "./errors.js";
import { fileSettings, flagSettings, longFlag, type Setting, settingsIn } from "./settings.js";

/** What a plugin says about itself without being loaded. */
export interface PluginDeclaration {
  /** The plugin's own name, the key of its section. */
  readonly name: string;
  /** The package or path that named it; undefined if it was found among the installed ones. */
  readonly source?: string | undefined;
  /** The schema of its section: `x-flag` and `x-env` name the flags and variables of its settings. */
  readonly schema: JSONSchema;
  readonly commands: Readonly<Record<string, PluginCommandForm>>;
  /** Set: what it says can't be read, in one line. */
  readonly problem?: string | undefined;
}

/** A command of a plugin, as the help shows it. */
export interface PluginCommandForm {
  /** A few words. */
  readonly summary: string;
  /** What may follow the command, one form a line. */
  readonly usage: readonly string[];
}

/** A setting of a plugin that a flag or a variable can set. */
export interface PluginSetting extends Setting {
  readonly plugin: string;
}

/** A command with its plugin. */
export interface PluginCommand extends PluginCommandForm {
  readonly plugin: string;
  readonly name: string;
}

/** The flags, variables and commands that installed plugins add. */
export interface PluginAdditions {
  readonly settings: readonly PluginSetting[];
  readonly commands: readonly PluginCommand[];
}

export const NO_ADDITIONS: PluginAdditions = { settings: [], commands: [] };

const FLAG = /^--[a-z][a-z-]*(?: <[a-z-]+>)?$/;
const VARIABLE = /^[A-Z][A-Z0-9_]*$/;
const COMMAND = /^[a-z][a-z-]{0,19}$/;

/**
 * Collects what plugins add. Throws a `ConfigError` if an enabled plugin can't be read, or has an invalid flag, variable or
 * command, or one that the gateway or another enabled plugin has; those of other plugins are left out then.
 */
export function additionsOf(
  declarations: readonly PluginDeclaration[],
  enabled: readonly string[],
): PluginAdditions {
  const names = new Names();
  const isOn = ({ name }: PluginDeclaration) => enabled.includes(name);
  const broken = declarations.find((one) => one.problem !== undefined && isOn(one));
  if (broken?.problem !== undefined) throw new ConfigError(broken.problem);
  const ordered = [...declarations.filter(isOn), ...declarations.filter((one) => !isOn(one))];
  return {
    settings: ordered.flatMap((one) => settingsOf(one, names.claimFor(one.name, isOn(one)))),
    commands: ordered.flatMap((one) => commandsOf(one, names.claimFor(one.name, isOn(one)))),
  };
}

/** Whether a plugin has a flag, variable or command for itself. */
type Claim = (what: "flag" | "variable" | "command", name: string) => boolean;

/** Who has which flag, variable and command. */
class Names {
  readonly #holders = new Map<string, string>();
  readonly #own = new Set<string>(
    [...fileSettings(), ...flagSettings()].flatMap(({ flag, env }) => [
      ...(flag === undefined ? [] : [longFlag(flag)]),
      ...(env === undefined ? [] : [env]),
    ]),
  );

  claimFor(plugin: string, isOn: boolean): Claim {
    return (what, name) => {
      const problem = this.#problemOf(what, name, plugin);
      if (problem === undefined) return true;
      if (isOn) throw new ConfigError(`plugin ${plugin}: ${problem}`);
      return false;
    };
  }

  #problemOf(what: "flag" | "variable" | "command", name: string, plugin: string): string | undefined {
    const [form, meaning] = FORMS[what];
    if (!form.test(name)) return `its ${what} must be ${meaning}, got ${JSON.stringify(name)}`;
    const key = longFlag(name);
    if (this.#own.has(key) || key.startsWith("CLAUDEWAY_") || (what === "command" && isCommand(name))) {
      return `its ${what} ${key} is used by the gateway itself`;
    }
    // Several plugins may read one variable, such as the token for a service.
    if (what === "variable") return undefined;
    const holder = this.#holders.get(key) ?? plugin;
    this.#holders.set(key, holder);
    return holder === plugin ? undefined : `its ${what} ${key} is already used by the plugin ${holder}`;
  }
}

const FORMS = {
  flag: [FLAG, "like --name or --name <value>, in lower-case letters and hyphens"],
  variable: [VARIABLE, "upper-case letters, digits and underscores"],
  command: [COMMAND, "up to 20 lower-case letters and hyphens"],
} as const;

function settingsOf({ name: plugin, schema }: PluginDeclaration, claim: Claim): PluginSetting[] {
  return settingsIn(schema).flatMap((setting) => {
    const { flag, env } = setting;
    const own = {
      flag: flag !== undefined && claim("flag", flag) ? flag : undefined,
      env: env !== undefined && claim("variable", env) ? env : undefined,
    };
    if (own.flag === undefined && own.env === undefined) return [];
    return [{ ...setting, ...own, plugin }];
  });
}

function commandsOf({ name: plugin, commands }: PluginDeclaration, claim: Claim): PluginCommand[] {
  return Object.entries(commands).flatMap(([name, form]) =>
    claim("command", name) ? [{ ...form, plugin, name }] : [],
  );
}
