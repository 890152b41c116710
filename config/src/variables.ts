import { isMarkedSecret, type JSONSchema, nameOf, nearest, schemasAt } from "@claudeway/schemas";
import { ConfigError } from "./errors.js";
import { typesOf } from "./settings.js";
import { readText } from "./text.js";

export type Environment = Readonly<Record<string, string | undefined>>;

/** A variable that a file's value was taken from. */
export interface UsedVariable {
  readonly name: string;
  readonly value: string;
  /** False where all that was made of it is a setting that is no secret, such as a folder. */
  readonly secret: boolean;
}

interface Substitution {
  readonly file: string;
  readonly schema: JSONSchema;
  readonly env: Environment;
  readonly used: UsedVariable[];
}

/** `$${` stands for a `${` that is meant as it is. */
const MARK = /\$\$\{|\$\{([^}]*)\}?/g;
const WHOLE = /^\$\{[^}]*\}$/;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Variables that every process lives by: no secrets, and a child without them does not run. */
const EVERYDAY = new Set(["HOME", "LANG", "LOGNAME", "PATH", "PWD", "SHELL", "TERM", "TMPDIR", "TZ", "USER"]);

/** Puts the environment's values in place of every `${NAME}` in a file's values. `schema` is the file's. */
export function substituteVariables(
  tree: unknown,
  context: Omit<Substitution, "used">,
): { readonly tree: unknown; readonly used: readonly UsedVariable[] } {
  const used: UsedVariable[] = [];
  return { tree: substitute(tree, [], { ...context, used }), used };
}

function substitute(value: unknown, at: readonly string[], work: Substitution): unknown {
  if (typeof value === "string") return substituteText(value, at, work);
  if (Array.isArray(value)) return value.map((item, index) => substitute(item, [...at, String(index)], work));
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, substitute(item, [...at, key], work)]),
  );
}

function substituteText(text: string, at: readonly string[], work: Substitution): unknown {
  const result = text.replaceAll(MARK, (mark: string, name: string | undefined) => {
    return name === undefined ? "${" : lookUp(mark, name, at, work);
  });
  if (!WHOLE.test(text)) return result;
  // A variable is always text; the setting may be a number or a switch.
  const types = schemasAt(work.schema, at).flatMap(typesOf);
  return types.length === 0 ? result : readText(result, types);
}

function lookUp(
  mark: string,
  name: string,
  at: readonly string[],
  { file, schema, env, used }: Substitution,
): string {
  const where = `${file}: ${at.map(nameOf).join(".")}`;
  if (!mark.endsWith("}") || !NAME.test(name)) {
    throw new ConfigError(
      `${where}: has a \${ that names no variable; takes \${NAME}, or $\${ for the characters themselves`,
    );
  }
  const value = env[name];
  if (value === undefined) {
    const meant = nearest(name, Object.keys(env));
    const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
    throw new ConfigError(`${where}: takes \${${name}}, which is not set in the environment${hint}`);
  }
  const secret = (at[0] === "plugins" || isMarkedSecret(schema, at)) && !EVERYDAY.has(name);
  used.push({ name, value, secret });
  return value;
}
