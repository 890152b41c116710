import { type Fields, isFields } from "@claudeway/chat";
import { invalid } from "./refusals.js";

/** An argument of a tool: what the client is told of it, and how it is read. */
export interface Field<Value> {
  readonly name: string;
  readonly required: boolean;
  readonly schema: Fields;
  /** Throws a refusal that names the argument. */
  of(given: Fields): Value;
}

/** The JSON Schema of a tool's arguments. */
export function schemaOf(fields: readonly Field<unknown>[]) {
  return {
    type: "object" as const,
    properties: Object.fromEntries(fields.map(({ name, schema }) => [name, schema])),
    required: fields.filter(({ required }) => required).map(({ name }) => name),
    additionalProperties: false,
  };
}

/** The arguments of a call. Throws a refusal for one that the tool does not have. */
export function givenTo(fields: readonly Field<unknown>[], value: unknown): Fields {
  const given = value ?? {};
  if (!isFields(given)) throw invalid("the arguments must be an object");
  const known = fields.map(({ name }) => name);
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown === undefined) return given;
  const allowed = known.length === 0 ? "the tool has no arguments" : `known arguments: ${known.join(", ")}`;
  throw invalid(`unknown argument ${shown(unknown)}; ${allowed}`);
}

export function text(name: string, description: string): Field<string> {
  return field({ name, schema: { type: "string", description }, must: "a string" }, (value) =>
    typeof value === "string" ? value : undefined,
  );
}

export function number(
  name: string,
  description: string,
  { minimum, maximum, integer = false }: { minimum: number; maximum: number; integer?: boolean },
): Field<number> {
  const type = integer ? "integer" : "number";
  const must = `${integer ? "an integer" : "a number"} from ${minimum} to ${maximum}`;
  return field({ name, schema: { type, minimum, maximum, description }, must }, (value) => {
    if (typeof value !== "number" || (integer && !Number.isInteger(value))) return undefined;
    return value >= minimum && value <= maximum ? value : undefined;
  });
}

export function flag(name: string, description: string): Field<boolean> {
  return field({ name, schema: { type: "boolean", description }, must: "true or false" }, (value) =>
    typeof value === "boolean" ? value : undefined,
  );
}

export function oneOf<const Word extends string>(
  name: string,
  description: string,
  words: readonly Word[],
): Field<Word> {
  const must = `one of ${words.join(", ")}`;
  return field({ name, schema: { enum: [...words], description }, must }, (value) =>
    words.find((word) => word === value),
  );
}

export function object(name: string, description: string): Field<Fields> {
  return field({ name, schema: { type: "object", description }, must: "an object" }, (value) =>
    isFields(value) ? value : undefined,
  );
}

/** The same argument, which may be left out. */
export function optional<Value>({ name, schema, of }: Field<Value>): Field<Value | undefined> {
  return {
    name,
    schema,
    required: false,
    of: (given) => (given[name] === undefined || given[name] === null ? undefined : of(given)),
  };
}

function field<Value>(
  { name, schema, must }: { readonly name: string; readonly schema: Fields; readonly must: string },
  read: (value: unknown) => Value | undefined,
): Field<Value> {
  return {
    name,
    schema,
    required: true,
    of: (given) => {
      const value = read(given[name]);
      if (value !== undefined) return value;
      throw invalid(`${name} must be ${must}, got ${shown(given[name])}`);
    },
  };
}

function shown(value: unknown): string {
  return value === undefined ? "nothing" : JSON.stringify(value).slice(0, 100);
}
