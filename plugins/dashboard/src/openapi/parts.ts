/** A piece of an OpenAPI document. */
export type Part = Readonly<Record<string, unknown>>;

/** Prefix of the dashboard's schemas in the document, so that they collide with no others. */
const OWN = "Admin";

export const own = (name: string): Part => ({ $ref: `#/components/schemas/${OWN}${name}` });
export const core = (name: string): Part => ({ $ref: `#/components/schemas/${name}` });

/** The schemas under the names that `own` refers to. */
export function named(schemas: Readonly<Record<string, Part>>): Part {
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [OWN + name, schema]));
}

/** An object with exactly these properties. */
export function object(
  properties: Part,
  { optional = [] }: { readonly optional?: readonly string[] } = {},
): Part {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: "object", additionalProperties: false, required, properties };
}

export const list = (items: Part): Part => ({ type: "array", items });
export const orNull = (schema: Part): Part => ({ anyOf: [schema, { type: "null" }] });

export const TEXT: Part = { type: "string" };
export const FLAG: Part = { type: "boolean" };
export const COUNT: Part = { type: "integer", minimum: 0 };
export const TIME: Part = { type: "string", format: "date-time" };
export const ID: Part = { type: "string", format: "uuid" };
export const ANYTHING: Part = { type: "object", additionalProperties: true };
/** USD; null if the price is unknown. */
export const COST: Part = {
  type: ["number", "null"],
  minimum: 0,
  description: "USD; null if the price is unknown.",
};
export const MS: Part = { type: "number", minimum: 0, description: "Milliseconds." };
