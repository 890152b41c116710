import { isMarkedSecret, type JSONSchema, nameOf, nearest, schemasAt } from "@claudeway/schemas";
import { ConfigError } from "./errors.js";
import { typesOf } from "./settings.js";
import { readText } from "./text.js";

export type Environment = Readonly<Record<string, string | undefined>>;

/** A variable that a value of the file was read from. */
export interface UsedVariable {
  readonly name: string;
  readonly value: string;
  /** False if the setting is not secret, such as a folder. */
  readonly secret: boolean;
}

interface Substitution {
  readonly file: string;
  readonly schema: JSONSchema;
  readonly env: Environment;
  readonly used: UsedVariable[];
  /** Sections of plugins may use variables that are not set: nothing reads them. */
  readonly withoutPlugins?: boolean;
}

/** `$${` is an escaped `${`. */
const MARK = /\$\$\{|\$\{([^}]*)\}?/g;
const WHOLE = /^\$\{[^}]*\}$/;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Variables that every process needs, or the CLI to find its login; they are never treated as secrets. */
const EVERYDAY = new Set([
  "CLAUDE_CONFIG_DIR",
  "HOME",
  "LANG",
  "LOGNAME",
  "PATH",
  "PWD",
  "SHELL",
  "TERM",
  "TMPDIR",
  "TZ",
  "USER",
]);

/** The position of a value in the file: for schema lookups, and for messages. */
interface Spot {
  readonly path: readonly string[];
  readonly label: string;
}

/** Replaces every `${NAME}` in the file's values from the environment. `schema` is the file's. */
export function substituteVariables(
  tree: unknown,
  context: Omit<Substitution, "used">,
): { readonly tree: unknown; readonly used: readonly UsedVariable[] } {
  const used: UsedVariable[] = [];
  return { tree: substitute(tree, { path: [], label: "" }, { ...context, used }), used };
}

/** True for a variable that every child process keeps. */
export function isEveryday(name: string): boolean {
  return EVERYDAY.has(name);
}

function substitute(value: unknown, { path, label }: Spot, work: Substitution): unknown {
  if (typeof value === "string") return substituteText(value, { path, label }, work);
  if (Array.isArray(value)) {
    return value.map((item, index) =>
      substitute(item, { path: [...path, String(index)], label: `${label}[${index}]` }, work),
    );
  }
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  const dot = label === "" ? "" : ".";
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      return [key, substitute(item, { path: [...path, key], label: `${label}${dot}${nameOf(key)}` }, work)];
    }),
  );
}

function substituteText(text: string, spot: Spot, work: Substitution): unknown {
  const result = text.replaceAll(MARK, (mark: string, name: string | undefined) => {
    return name === undefined ? "${" : lookUp(mark, name, spot, work);
  });
  if (!WHOLE.test(text)) return result;
  // A variable is always text; the setting may be a number or a boolean.
  const types = schemasAt(work.schema, spot.path).flatMap(typesOf);
  return types.length === 0 ? result : readText(result, types);
}

function lookUp(mark: string, name: string, { path, label }: Spot, work: Substitution): string {
  const where = `${work.file}: ${label}`;
  if (!mark.endsWith("}") || !NAME.test(name)) {
    throw new ConfigError(
      `${where}: a \${ must name a variable; write \${NAME}, or $\${ for the characters themselves`,
    );
  }
  const value = work.env[name];
  if (value === undefined && work.withoutPlugins === true && path[0] === "plugins") return mark;
  if (value === undefined)
    throw new ConfigError(`${where}: uses \${${name}}, ${explainUnset(name, work.env)}`);
  work.used.push({ name, value, secret: mayBeSecret(path, work.schema) && !isEveryday(name) });
  return value;
}

function explainUnset(name: string, env: Environment): string {
  const meant = nearest(name, Object.keys(env));
  return `which is not set in the environment${meant === undefined ? "" : `; did you mean ${meant}?`}`;
}

/** What a plugin's section says about the plugin, not to it. */
const ABOUT_PLUGIN: readonly (string | undefined)[] = ["enabled", "package", "path"];

/** Any setting of a plugin may be a secret; of the gateway's own, only those marked as one. */
function mayBeSecret(path: readonly string[], schema: JSONSchema): boolean {
  const isPluginsOwn = path[0] === "plugins" && !ABOUT_PLUGIN.includes(path[2]);
  return isPluginsOwn || isMarkedSecret(schema, path);
}
