import { isObject, type JsonObject, listOf } from "./json.js";

/** Values for the formats that ajv checks and a text would not match. */
const BY_FORMAT: Readonly<Record<string, string>> = {
  date: "2026-01-01",
  "date-time": "2026-01-01T00:00:00Z",
  time: "00:00:00Z",
  email: "demo@example.com",
  uri: "https://example.com/",
  uuid: "00000000-0000-4000-8000-000000000000",
};

/** The smallest value that a simple JSON Schema allows; strings hold the text. It follows no `$ref` and no `pattern`. */
export function sampleOf(schema: unknown, text: string): unknown {
  if (!isObject(schema)) return text;
  const { type, format, properties, items } = schema;
  if ("const" in schema) return schema["const"];
  const [given] = ["enum", "examples"].flatMap((name) => listOf(schema[name]));
  if (given !== undefined) return given;
  const [choice] = ["anyOf", "oneOf"].flatMap((name) => listOf(schema[name]));
  if (choice !== undefined) return sampleOf(choice, text);
  switch (Array.isArray(type) ? type[0] : (type ?? (isObject(properties) ? "object" : "string"))) {
    case "object":
      return Object.fromEntries(
        Object.entries(isObject(properties) ? properties : {}).map(([name, one]) => [
          name,
          sampleOf(one, text),
        ]),
      );
    case "array":
      return Array.from({ length: Math.min(atLeast(schema, "minItems", 0), 100) }, () =>
        sampleOf(items, text),
      );
    case "boolean":
      return false;
    case "integer":
    case "number":
      return atLeast(schema, "minimum", 0);
    case "null":
      return null;
    default:
      return (typeof format === "string" && BY_FORMAT[format]) || fit(schema, text);
  }
}

/** The text as long as the schema wants it. */
function fit(schema: JsonObject, text: string): string {
  const { maxLength = Number.POSITIVE_INFINITY } = schema;
  const long = text.padEnd(Math.min(atLeast(schema, "minLength", 0), 10_000), ".");
  return typeof maxLength === "number" ? long.slice(0, maxLength) : long;
}

function atLeast(schema: JsonObject, name: string, otherwise: number): number {
  const value = schema[name];
  return typeof value === "number" ? value : otherwise;
}
