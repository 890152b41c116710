import { Refusal } from "@claudeway/core";

/** A JSON object of a request. */
export type Fields = Readonly<Record<string, unknown>>;

/** An error of the request, with the parameter that it is about. */
export function invalid(param: string, must: string, code?: string): Refusal {
  return new Refusal(400, `${param} ${must}`, { details: { param, ...(code !== undefined && { code }) } });
}

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The object at `param`. */
export function fieldsAt(value: unknown, param: string): Fields {
  if (isFields(value)) return value;
  throw invalid(param, `must be an object, got ${nameOf(value)}`);
}

/** The object at `param`, which may be missing or null. */
export function optionalFields(value: unknown, param: string): Fields {
  return value === undefined || value === null ? {} : fieldsAt(value, param);
}

export function listAt(value: unknown, param: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw invalid(param, `must be an array, got ${nameOf(value)}`);
}

export function textAt(value: unknown, param: string): string {
  if (typeof value !== "string") throw invalid(param, `must be a string, got ${nameOf(value)}`);
  if (!value.includes("\0")) return value;
  throw invalid(param, "must be a string without NUL characters");
}

/** Whether a switch is on. Some clients send it as text. */
export function isOn(value: unknown): boolean {
  return value === true || value === "true";
}

/** A value in the words of an error. */
export function nameOf(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object") return "an object";
  return JSON.stringify(value).slice(0, 100);
}

/** A text that may be missing or null. */
export function optionalText(value: unknown, param: string): string | undefined {
  return value === undefined || value === null ? undefined : textAt(value, param);
}

/** The JSON Schema at `param`; by default, that of any object. */
export function schemaAt(schema: unknown, param: string): Fields {
  return schema === undefined || schema === null ? { type: "object" } : fieldsAt(schema, param);
}
