import { isMarkedSecret, isObject, type JSONSchema, type SchemaName, schemaOf } from "@claudeway/schemas";

/** A top-level property of a schema that a flag or a variable can set. */
export interface Setting {
  /** Its name in the file. */
  readonly key: string;
  /** In commander's syntax: `-p, --port <port>`. */
  readonly flag: string | undefined;
  readonly env: string | undefined;
  readonly isSecret: boolean;
  /** JSON Schema type names. */
  readonly types: readonly string[];
  /** The description's first sentence. */
  readonly summary: string;
  readonly standard: unknown;
}

/** The settings of the file; flags and variables may set them too. */
export function fileSettings(): Setting[] {
  return settingsOf("config");
}

/** The settings that only flags can set. */
export function flagSettings(): Setting[] {
  return settingsOf("command-line");
}

function settingsOf(name: SchemaName): Setting[] {
  return settingsIn(schemaOf(name));
}

/** The top-level properties of a schema. */
export function settingsIn({ properties }: JSONSchema): Setting[] {
  return Object.entries(isObject(properties) ? properties : {}).flatMap(([key, schema]) =>
    isObject(schema) ? [toSetting(key, schema)] : [],
  );
}

function toSetting(key: string, schema: JSONSchema): Setting {
  const { "x-flag": flag, "x-env": env, default: standard, description } = schema;
  return {
    key,
    flag: textOf(flag),
    env: textOf(env),
    isSecret: isMarkedSecret(schema, []),
    types: typesOf(schema),
    summary: (textOf(description) ?? "").replace(/\.( .*)?$/su, ""),
    standard,
  };
}

/** The JSON Schema types of a schema. */
export function typesOf({ type }: JSONSchema): string[] {
  return [type].flat().filter((name) => typeof name === "string");
}

/** The longest form of a flag, such as `--port`. */
export function longFlag(flag: string): string {
  return /--[a-z-]+/.exec(flag)?.[0] ?? flag;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
