import { readFileSync } from "node:fs";
import { isObject, type JSONSchema } from "@claudeway/schemas";
import { stringify } from "smol-toml";
import type { ApiKey } from "./keys.js";

/** A plugin that a new file switches on. */
export interface WrittenPlugin {
  readonly name: string;
  /** The schema of its section: its other settings go into the file as comments. */
  readonly schema: JSONSchema;
  readonly section: Readonly<Record<string, unknown>>;
}

/** From dist/ as from a packed package the example lies one folder up. */
const EXAMPLE = new URL("../claudeway.example.toml", import.meta.url);
const WIDTH = 116;

/** A claudeway.toml with all that it may hold: what is given as settings, the rest as comments. */
export function configText(keys: readonly ApiKey[], plugins: readonly WrittenPlugin[]): string {
  const example = readFileSync(EXAMPLE, "utf8");
  const own =
    keys.length === 0
      ? example
      : example.replace(/^#keys = .*$/m, () =>
          settingLine(
            "keys",
            keys.map(({ id, secret }) => `${id}:${secret}`),
          ),
        );
  const head = own.slice(own.indexOf("\n\n") + 2, own.lastIndexOf("#[plugins.")).trimEnd();
  return `${[OPENING, head, ...plugins.map(sectionText)].join("\n\n")}\n`;
}

const OPENING = `# Claudeway's settings, written by \`claudeway init\`. It holds secrets: keep it readable for this user alone.
# Lines that begin with # show a setting's default; uncomment what you change. kill -HUP has plugins' sections read again.`;

function sectionText({ name, schema, section }: WrittenPlugin): string {
  const { properties } = schema;
  const rest = Object.entries(isObject(properties) ? properties : {}).filter(
    ([key]) => section[key] === undefined,
  );
  const lines = [
    `[plugins.${name}]`,
    "enabled = true",
    ...Object.entries(section).map(([key, value]) => settingLine(key, value)),
    ...rest.flatMap(([key, setting]) => (isObject(setting) ? commentLines(key, setting) : [])),
  ];
  return lines.join("\n");
}

function commentLines(key: string, { description, default: standard }: JSONSchema): string[] {
  const words = typeof description === "string" ? wrapped(description) : [];
  return [...words, isSimple(standard) ? `#${settingLine(key, standard)}` : `#${key} =`];
}

function isSimple(value: unknown): boolean {
  return Array.isArray(value)
    ? value.every((item) => !isObject(item))
    : value !== undefined && !isObject(value);
}

function settingLine(key: string, value: unknown): string {
  return stringify({ [key]: literal(value) }).trim();
}

/** What is written is meant as it stands: \${NAME} in it is no variable. */
function literal(value: unknown): unknown {
  if (typeof value === "string") return value.replaceAll("${", "$${");
  return Array.isArray(value) ? value.map(literal) : value;
}

function wrapped(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1);
    if (last === undefined || last.length + word.length >= WIDTH) lines.push(`# ${word}`);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
