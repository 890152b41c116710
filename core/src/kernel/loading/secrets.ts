import { isMarkedSecret, isObject } from "@claudeway/schemas";
import type { JSONSchema } from "../plugin.js";

const SECRET_NAME = /token|secret|passw|passphrase|credential|webhook|cookie|(^|[_-])keys?$/i;
const MASK = "***";

/** A copy of a plugin's configuration without its secrets: what the schema marks `x-secret`, and what sounds like it. */
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
  // A limit or a switch whose name merely sounds secret (`max_tokens`) gives nothing away.
  const tells = typeof value !== "number" && typeof value !== "boolean";
  if (tells && SECRET_NAME.test(path.at(-1) ?? "")) return MASK;
  if (Array.isArray(value))
    return value.map((item, index) => maskValue(item, schema, [...path, String(index)]));
  return isObject(value) ? maskObject(value, schema, path) : value;
}
