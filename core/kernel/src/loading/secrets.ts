import { isMarkedSecret, isObject } from "@claudeway/schemas";
import type { JSONSchema } from "../plugin.js";

const SECRET_NAME = /token|secret|passw|passphrase|credential|webhook|cookie|(^|[_-])key$|[_-]keys$/i;
const MASK = "***";

/**
 * Copies a plugin's configuration without secrets: settings marked `x-secret`, and settings whose names suggest a
 * secret.
 */
export function maskSecrets(config: object, schema: JSONSchema): Record<string, unknown> {
  return maskObject(config, schema, []);
}

/** Every text in a plugin's section that the schema marks `x-secret`. */
export function secretsIn(value: unknown, schema: JSONSchema, path: readonly string[] = []): string[] {
  if (typeof value === "string") return isMarkedSecret(schema, path) ? [value] : [];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => secretsIn(inner, schema, [...path, name]));
}

function maskObject(value: object, schema: JSONSchema, path: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, maskValue(inner, schema, [...path, name])]),
  );
}

function maskValue(value: unknown, schema: JSONSchema, path: readonly string[]): unknown {
  if (isMarkedSecret(schema, path)) return MASK;
  // A number or boolean whose name suggests a secret (`max_tokens`) is not one.
  const tells = typeof value !== "number" && typeof value !== "boolean";
  if (tells && SECRET_NAME.test(path.at(-1) ?? "")) return MASK;
  if (Array.isArray(value))
    return value.map((item, index) => maskValue(item, schema, [...path, String(index)]));
  return isObject(value) ? maskObject(value, schema, path) : value;
}
