import { SCHEMA_NAMES } from "../generated/types.js";
import { isObject, schemaOf } from "../json-schema.js";
import type { Part } from "./types.js";

const REFERENCE = "#/components/schemas/";

let known: ReadonlyMap<string, Part> | undefined;

/** Every schema of the gateway by its title, in the form of OpenAPI components. */
export function schemaComponents(): ReadonlyMap<string, Part> {
  if (known !== undefined) return known;
  const titles = new Map(SCHEMA_NAMES.map((name) => [`${name}.json`, String(schemaOf(name)["title"])]));
  known = new Map(
    SCHEMA_NAMES.map((name) => [
      String(schemaOf(name)["title"]),
      asPart(withoutOwnWords(schemaOf(name), titles)),
    ]),
  );
  return known;
}

/** The schemas that `from` refers to, directly or indirectly, in the order of their titles. */
export function reachable(from: unknown, all: ReadonlyMap<string, Part>): Record<string, Part> {
  const found = new Map<string, Part>();
  const visit = (node: unknown): void => {
    for (const title of titlesIn(node)) {
      const schema = all.get(title);
      if (schema === undefined || found.has(title)) continue;
      found.set(title, schema);
      visit(schema);
    }
  };
  visit(from);
  return Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function titlesIn(node: unknown): string[] {
  if (Array.isArray(node)) return node.flatMap(titlesIn);
  if (!isObject(node)) return [];
  const { $ref } = node;
  const own = typeof $ref === "string" && $ref.startsWith(REFERENCE) ? [$ref.slice(REFERENCE.length)] : [];
  return [...own, ...Object.values(node).flatMap(titlesIn)];
}

/** Removes keywords that only the schema's file needs, and turns references between files into references in the document. */
function withoutOwnWords(node: unknown, titles: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(node)) return node.map((item) => withoutOwnWords(item, titles));
  if (!isObject(node)) return node;
  const entries = Object.entries(node).filter(([key]) => !isOwnWord(key));
  return Object.fromEntries(
    entries.map(([key, value]) => {
      if (key === "$ref" && typeof value === "string") return [key, REFERENCE + (titles.get(value) ?? value)];
      return [key, key === "properties" ? ofProperties(value, titles) : withoutOwnWords(value, titles)];
    }),
  );
}

/** The keys of these objects are property names, not keywords. */
function ofProperties(properties: unknown, titles: ReadonlyMap<string, string>): unknown {
  if (!isObject(properties)) return properties;
  return Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => [name, withoutOwnWords(schema, titles)]),
  );
}

function asPart(value: unknown): Part {
  return isObject(value) ? value : {};
}

function isOwnWord(key: string): boolean {
  return key === "$schema" || key === "$id" || key.startsWith("x-");
}
