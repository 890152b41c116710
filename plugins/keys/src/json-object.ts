export type JsonObject = Readonly<Record<string, unknown>>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The fields of a JSON value; none if it is not an object. */
export function fieldsIn(value: unknown): JsonObject {
  return isJsonObject(value) ? value : {};
}
