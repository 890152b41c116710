import { readFileSync } from "node:fs";
import { isObject, type JSONSchema } from "@claudeway/schemas";
import { stringify } from "smol-toml";
import type { ApiKey } from "./keys.js";

/** A plugin that a new file enables. */
export interface WrittenPlugin {
  readonly name: string;
  /** The schema of its section: its other settings are written as comments. */
  readonly schema: JSONSchema;
  readonly section: Readonly<Record<string, unknown>>;
}

/** The example is one folder up, both from dist/ and in a packed package. */
const EXAMPLE = new URL("../claudeway.example.toml", import.meta.url);
const WIDTH = 116;

/** Formats a claudeway.toml with every setting: those given as settings, the others as comments. */
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

const OPENING = `# Claudeway's settings, written by \`claudeway init\`. It contains secrets: keep it readable by this user only.
# Lines that begin with # show a setting's default; uncomment what you change. kill -HUP reloads the plugins' sections.`;

function sectionText({ name, schema, section }: WrittenPlugin): string {
  const properties = isObject(schema["properties"]) ? schema["properties"] : {};
  const rest = Object.entries(properties).filter(([key]) => section[key] === undefined);
  const lines = [
    `[plugins.${name}]`,
    "enabled = true",
    ...Object.entries(section).flatMap(([key, value]) => [
      ...descriptionLines(properties[key]),
      settingLine(key, value),
    ]),
    ...rest.flatMap(([key, setting]) => (isObject(setting) ? commentLines(key, setting) : [])),
  ];
  return lines.join("\n");
}

function commentLines(key: string, setting: JSONSchema): string[] {
  const { default: standard } = setting;
  return [...descriptionLines(setting), isSimple(standard) ? `#${settingLine(key, standard)}` : `#${key} =`];
}

function descriptionLines(setting: unknown): string[] {
  const { description } = isObject(setting) ? setting : {};
  return typeof description === "string" ? wrapped(description) : [];
}

function isSimple(value: unknown): boolean {
  return Array.isArray(value)
    ? value.every((item) => !isObject(item))
    : value !== undefined && !isObject(value);
}

function settingLine(key: string, value: unknown): string {
  return stringify({ [key]: literal(value) }).trim();
}

/** Escapes \${NAME}, so that it is not read as a variable. */
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
