import { readFileSync } from "node:fs";
import { SCHEMA_NAMES, type SchemaTypes } from "./generated/types.js";

/** A JSON Schema (2020-12) in its object form. */
export interface JSONSchema {
  readonly [keyword: string]: unknown;
}

/** The name of a schema of this package: its file name without `.json`. */
export type SchemaName = keyof SchemaTypes;

const read = new Map<SchemaName, JSONSchema>();

/** Reads the schema of that name. Its `$ref`s name files in the same folder. */
export function schemaOf(name: SchemaName): JSONSchema {
  const known = read.get(name);
  if (known !== undefined) return known;
  // The schemas are one folder up, both from dist/ and in a packed package.
  const schema: unknown = JSON.parse(readFileSync(new URL(`../${name}.json`, import.meta.url), "utf8"));
  if (!isSchema(schema)) throw new Error(`schemas/${name}.json: must be a JSON object`);
  read.set(name, schema);
  return schema;
}

/** The schema that a `$ref` to another file of this package names. */
export function schemaOfFile(file: string): JSONSchema | undefined {
  const name = SCHEMA_NAMES.find((candidate) => `${candidate}.json` === file);
  return name === undefined ? undefined : schemaOf(name);
}

export function isSchema(value: unknown): value is JSONSchema {
  return isObject(value);
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
