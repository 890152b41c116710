import { isObject, isSchema, type JSONSchema, schemaOfFile } from "./json-schema.js";

/** A subschema, and the document that its local `$ref`s refer to. */
interface Place {
  readonly schema: JSONSchema;
  readonly root: JSONSchema;
}

const BRANCHES = ["allOf", "anyOf", "oneOf"] as const;
const CONDITIONALS = ["if", "then", "else"] as const;

/** The parts of a JSON pointer, unescaped. */
export function segmentsOf(pointer: string): string[] {
  return pointer
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/**
 * Lists the subschemas that may apply at the path `segments`. It follows `$ref`s and includes every branch of `anyOf` and
 * the like: enough to list known names and describe a field, but not to validate.
 */
export function schemasAt(schema: JSONSchema, segments: readonly string[]): readonly JSONSchema[] {
  const places = placesAlong(schema, segments).at(-1) ?? [];
  const known = schemasOf.get(places);
  if (known !== undefined) return known;
  const schemas = places.map((place) => place.schema);
  schemasOf.set(places, schemas);
  return schemas;
}

/** What `schemasAt` gave for a place: the same list again, so that its callers can remember what they made of it. */
const schemasOf = new WeakMap<readonly Place[], readonly JSONSchema[]>();

/** True if any schema along the path `segments` has `"x-secret": true`. */
export function isMarkedSecret(schema: JSONSchema, segments: readonly string[]): boolean {
  return placesAlong(schema, segments).some((places) =>
    places.some((place) => place.schema["x-secret"] === true),
  );
}

/** Ways into each schema that were followed before: clients make the same mistakes again and again. */
const followed = new WeakMap<JSONSchema, Map<string, Place[][]>>();
/** Ways that are kept of one schema. Any number of fields may be unknown. */
const MAX_WAYS = 500;

function placesAlong(schema: JSONSchema, segments: readonly string[]): Place[][] {
  const ways = followed.get(schema) ?? new Map<string, Place[][]>();
  followed.set(schema, ways);
  const name = segments.join("\n");
  const known = ways.get(name);
  if (known !== undefined) return known;
  const way = follow(schema, segments);
  if (ways.size >= MAX_WAYS) ways.clear();
  ways.set(name, way);
  return way;
}

function follow(schema: JSONSchema, segments: readonly string[]): Place[][] {
  let places = expand([{ schema, root: schema }]);
  const way = [places];
  for (const segment of segments) {
    places = expand(places.flatMap((place) => step(place, segment)));
    way.push(places);
  }
  return way;
}

function expand(places: readonly Place[]): Place[] {
  const found = new Map<JSONSchema, Place>();
  const open = [...places];
  for (let place = open.shift(); place !== undefined; place = open.shift()) {
    if (found.has(place.schema)) continue;
    found.set(place.schema, place);
    open.push(...besides(place));
  }
  return [...found.values()];
}

function besides({ schema, root }: Place): Place[] {
  const branches = BRANCHES.flatMap((keyword) => listOf(schema[keyword]));
  const conditionals = CONDITIONALS.map((keyword) => schema[keyword]);
  const inline = [...branches, ...conditionals].filter(isSchema).map((branch) => ({ schema: branch, root }));
  const { $ref: ref } = schema;
  const target = typeof ref === "string" ? followRef(ref, root) : undefined;
  return target === undefined ? inline : [target, ...inline];
}

function followRef(ref: string, root: JSONSchema): Place | undefined {
  const [file = "", pointer = ""] = ref.split("#");
  const document = file === "" ? root : schemaOfFile(file);
  if (document === undefined) return undefined;
  let target: unknown = document;
  for (const segment of segmentsOf(decodeURIComponent(pointer))) target = ownValue(target, segment);
  return isSchema(target) ? { schema: target, root: document } : undefined;
}

function step({ schema, root }: Place, segment: string): Place[] {
  return nextSchemas(schema, segment)
    .filter(isSchema)
    .map((next) => ({ schema: next, root }));
}

function nextSchemas(schema: JSONSchema, segment: string): unknown[] {
  const { properties, patternProperties, prefixItems, additionalProperties, items } = schema;
  const named = ownValue(properties, segment) ?? ownValue(prefixItems, segment);
  if (named !== undefined) return [named];
  const byPattern = Object.entries(isObject(patternProperties) ? patternProperties : {})
    .filter(([pattern]) => new RegExp(pattern, "u").test(segment))
    .map(([, next]) => next);
  return byPattern.length > 0 ? byPattern : [additionalProperties, items];
}

function ownValue(holder: unknown, key: string): unknown {
  return typeof holder === "object" && holder !== null && Object.hasOwn(holder, key)
    ? Reflect.get(holder, key)
    : undefined;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
