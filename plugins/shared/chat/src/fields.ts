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
  throw invalid(param, "must be an object");
}

/** The object at `param`, which may be missing or null. */
export function optionalFields(value: unknown, param: string): Fields {
  return value === undefined || value === null ? {} : fieldsAt(value, param);
}

export function listAt(value: unknown, param: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw invalid(param, "must be an array");
}

export function textAt(value: unknown, param: string): string {
  if (typeof value === "string") return value;
  throw invalid(param, "must be a string");
}

/** A text that may be missing or null. */
export function optionalText(value: unknown, param: string): string | undefined {
  return value === undefined || value === null ? undefined : textAt(value, param);
}

const IMAGE_TYPES = ["image/png", "image/jpeg", "image/gif", "image/webp"] as const;

export function isImageType(type: unknown): type is (typeof IMAGE_TYPES)[number] {
  return IMAGE_TYPES.some((known) => known === type);
}
