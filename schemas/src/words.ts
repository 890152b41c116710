import { isObject, type JSONSchema } from "./json-schema.js";

const LONGEST = 60;

/** Quotes a text, cut to about 60 characters, with line breaks and control characters escaped. */
export function quote(text: string): string {
  const shown = text.length > LONGEST ? `${text.slice(0, LONGEST).replace(/[\uD800-\uDBFF]$/, "")}…` : text;
  return JSON.stringify(shown).replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, escapeCharacter);
}

function escapeCharacter(character: string): string {
  return Array.from({ length: character.length }, (_, unit) => {
    return `\\u${character.charCodeAt(unit).toString(16).padStart(4, "0")}`;
  }).join("");
}

/** Formats the name of a field: bare if it is a plain word, else quoted. */
export function nameOf(field: string): string {
  return /^[\p{L}\p{N}_@./-]{1,60}$/u.test(field) ? field : quote(field);
}

/** Describes a value in words that fit after "got". Of a hidden one, only the type is shown. */
export function describe(value: unknown, hidden: boolean): string {
  if (value === undefined || value === null) return String(value);
  if (value === "") return '""';
  if (Array.isArray(value)) return describeArray(value);
  if (value instanceof Date) return "a date";
  if (typeof value === "object") return "an object";
  if (hidden) return `a ${typeof value} (not shown)`;
  return typeof value === "string" ? quote(value) : String(value);
}

function describeArray(value: readonly unknown[]): string {
  if (value.length === 0) return "an empty array";
  return `an array of ${value.length} ${value.length === 1 ? "item" : "items"}`;
}

/** Describes what a schema allows, in words that fit after "must be": its `x-takes`, or its type and bounds. */
export function expectation(schema: JSONSchema): string | undefined {
  const { "x-takes": own, enum: literals, type, anyOf, oneOf } = schema;
  if (typeof own === "string") return own;
  if ("const" in schema) return literal(Reflect.get(schema, "const"));
  if (Array.isArray(literals)) return either(literals.map(literal));
  const types = [type].flat().filter((name) => typeof name === "string");
  if (types.length > 0) return either(types.map((name) => expectedType(name, schema)));
  const branches = [anyOf ?? oneOf].flat().filter(isObject).map(expectation);
  const known = branches.filter((branch) => branch !== undefined);
  return known.length === 0 || known.length < branches.length ? undefined : either([...new Set(known)]);
}

/** Joins as "a, b or c". */
export function either(items: readonly string[]): string {
  return items.length < 2 ? items.join() : `${items.slice(0, -1).join(", ")} or ${items.at(-1)}`;
}

function literal(value: unknown): string {
  return typeof value === "string" ? nameOf(value) : JSON.stringify(value);
}

function expectedType(type: string, schema: JSONSchema): string {
  switch (type) {
    case "boolean":
      return "true or false";
    case "integer":
      return ["an integer", ...bounds(schema)].join(" ");
    case "number":
      return ["a number", ...bounds(schema)].join(" ");
    case "string":
      return [schema["minLength"] === 1 ? "a non-empty string" : "a string", ...traits(schema)].join(" ");
    case "array":
      return ["an array", ...contents(schema)].join(" ");
    case "object":
      return "an object";
    default:
      return type;
  }
}

function bounds(schema: JSONSchema): string[] {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
  if (typeof minimum === "number" && typeof maximum === "number") return [`from ${minimum} to ${maximum}`];
  return listed(
    [
      say(exclusiveMinimum, (limit) => `greater than ${limit}`),
      say(minimum, (limit) => `of at least ${limit}`),
      say(exclusiveMaximum, (limit) => `less than ${limit}`),
      say(maximum, (limit) => `at most ${limit}`),
      say(multipleOf, (unit) => `a multiple of ${unit}`),
    ],
    " and ",
  );
}

function traits(schema: JSONSchema): string[] {
  const { minLength, maxLength, pattern, format } = schema;
  return listed(
    [
      minLength === 1 ? undefined : say(minLength, (length) => `of at least ${length} characters`),
      say(maxLength, (length) => `of at most ${length} characters`),
      typeof format === "string" ? `in the format ${format}` : undefined,
      typeof pattern === "string" ? `that matches /${pattern}/` : undefined,
    ],
    " and ",
  );
}

const PLURALS: Readonly<Record<string, string>> = {
  string: "strings",
  number: "numbers",
  integer: "integers",
  boolean: "booleans",
  object: "objects",
  array: "arrays",
};

function contents(schema: JSONSchema): string[] {
  const { items, minItems, maxItems, uniqueItems } = schema;
  const { type } = isObject(items) ? items : {};
  const plural = typeof type === "string" ? PLURALS[type] : undefined;
  const limits = listed(
    [
      say(minItems, (count) => `at least ${count}`),
      say(maxItems, (count) => `at most ${count}`),
      uniqueItems === true ? "no duplicates" : undefined,
    ],
    ", ",
  );
  return [plural === undefined ? [] : [`of ${plural}`], limits.map((words) => `(${words})`)].flat();
}

function say(limit: unknown, words: (limit: number) => string): string | undefined {
  return typeof limit === "number" ? words(limit) : undefined;
}

function listed(words: readonly (string | undefined)[], separator: string): string[] {
  const said = words.filter((word) => word !== undefined);
  return said.length === 0 ? [] : [said.join(separator)];
}
