import type { ErrorObject } from "ajv/dist/2020.js";
import { isObject, type JSONSchema } from "./json-schema.js";
import { isMarkedSecret, schemasAt, segmentsOf } from "./locate.js";
import { nearest } from "./nearest.js";
import { describe, either, expectation, nameOf } from "./words.js";

/** How an explanation is worded. */
export interface ExplainOptions {
  /** What the checked value is called, such as `plugins.telegram` or `PORT`; its fields are named after it. */
  readonly path?: string;
  /** What a field is called: "field" in a request, "setting" in a configuration. */
  readonly noun?: string;
  /** What fields at the top are called where the value came from: `{ port: "--port" }`. */
  readonly names?: Readonly<Record<string, string>>;
  /** Values that are never shown, besides those that the schema marks with `"x-secret": true`. */
  readonly secrets?: readonly string[];
}

export interface ExplainContext extends ExplainOptions {
  /** The whole schema that the value was checked against. */
  readonly schema: JSONSchema;
  /** The whole value that was checked. */
  readonly value: unknown;
}

/** Keywords that reject the value itself; ajv words the others. */
const ABOUT_VALUE = new Set([
  "type",
  "enum",
  "const",
  "format",
  "pattern",
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "multipleOf",
  "minLength",
  "maxLength",
  "minItems",
  "maxItems",
  "uniqueItems",
  "anyOf",
  "oneOf",
]);

/** A body may have any number of unknown fields; only the first are searched for a misspelt name. */
const MAX_NAMES = 50;

/** Values of fields with such names are hidden even where the schema does not mark them as secret. */
const SECRET_NAME = /(^|[_-])(keys?|secret|token|password|passphrase|credentials?|webhook_url)$/i;

/**
 * Describes the fault in one line: the field, what it must be, what was found, and for an unknown name the nearest known
 * one. `errors` are ajv's.
 */
export function explain(errors: readonly ErrorObject[] | null | undefined, context: ExplainContext): string {
  const error = pick(errors ?? []);
  if (error === undefined) return `${context.path ?? "body"} is not valid`;
  switch (error.keyword) {
    case "additionalProperties":
    case "unevaluatedProperties":
      return explainUnknown(error, context);
    case "required":
      return explainMissing(error, context);
    case "minProperties":
    case "maxProperties":
      return explainCount(error, context);
    default:
      return explainValue(error, context);
  }
}

/** Picks the most specific error: of `anyOf` or `oneOf`, the deepest one of any branch. */
function pick(errors: readonly ErrorObject[]): ErrorObject | undefined {
  const choice = errors.find((error) => error.keyword === "anyOf" || error.keyword === "oneOf");
  if (choice === undefined) return errors[0];
  const depth = (error: ErrorObject) => segmentsOf(error.instancePath).length + (isAboutName(error) ? 1 : 0);
  const meant = errors.filter((error) => !isOfOtherType(error));
  return meant.reduce((best, error) => (depth(error) > depth(best) ? error : best), choice);
}

/** Whether the error is about a branch for objects whose `type` is not the one that the object has. */
function isOfOtherType(error: ErrorObject): boolean {
  const { data, parentSchema } = error;
  if (!isAboutName(error) || !isObject(data) || data["type"] === undefined) return false;
  const types = schemasAt(parentSchema ?? {}, ["type"]).flatMap(({ const: only, enum: several }) =>
    Array.isArray(several) ? several.map(String) : only === undefined ? [] : [String(only)],
  );
  return types.length > 0 && !types.includes(String(data["type"]));
}

function isAboutName({ keyword }: ErrorObject): boolean {
  return keyword === "additionalProperties" || keyword === "unevaluatedProperties" || keyword === "required";
}

function explainUnknown(error: ErrorObject, context: ExplainContext): string {
  const { additionalProperty, unevaluatedProperty } = paramsOf(error);
  return unknownField(
    segmentsOf(error.instancePath),
    String(additionalProperty ?? unevaluatedProperty),
    context,
  );
}

function paramsOf(error: ErrorObject): Readonly<Record<string, unknown>> {
  return error.params;
}

function unknownField(parent: readonly string[], name: string, context: ExplainContext): string {
  const known = knownNames(parent, context);
  const meant = nearest(name, known) ?? nearestBelow(parent, name, known, context);
  const noun = context.noun ?? "field";
  const hint = meant === undefined ? allowed(noun, known) : `; did you mean ${nameOf(meant)}?`;
  return `unknown ${noun} ${quoteName(label([...parent, name], context))}${hint}`;
}

function quoteName(name: string): string {
  return name.includes('"') ? name : `"${name}"`;
}

/** Finds a known name whose section was left out. */
function nearestBelow(
  parent: readonly string[],
  name: string,
  known: readonly string[],
  context: ExplainContext,
): string | undefined {
  const section = known.find((candidate) => knownNames([...parent, candidate], context).includes(name));
  return section === undefined ? undefined : `${section}.${name}`;
}

function allowed(noun: string, names: readonly string[]): string {
  return names.length === 0 ? "" : `; known ${noun}s: ${names.map(nameOf).join(", ")}`;
}

const namesOf = new WeakMap<readonly JSONSchema[], readonly string[]>();

function knownNames(segments: readonly string[], { schema }: ExplainContext): readonly string[] {
  const schemas = schemasAt(schema, segments);
  const remembered = namesOf.get(schemas);
  if (remembered !== undefined) return remembered;
  const names = schemas.flatMap(({ properties }) => (isObject(properties) ? Object.keys(properties) : []));
  const known = [...new Set(names)];
  namesOf.set(schemas, known);
  return known;
}

function explainMissing(error: ErrorObject, context: ExplainContext): string {
  const parent = segmentsOf(error.instancePath);
  const { missingProperty } = paramsOf(error);
  const missing = String(missingProperty);
  // If the name was misspelt, report the misspelling.
  const known = knownNames(parent, context);
  const given = valueAt(context.value, parent);
  const slip = Object.keys(isObject(given) ? given : {})
    .slice(0, MAX_NAMES)
    .find((name) => !known.includes(name) && nearest(name, known) === missing);
  if (slip !== undefined) return unknownField(parent, slip, context);
  return `${label([...parent, missing], context)} is missing${whatIsMissing([...parent, missing], context)}`;
}

const missingClauses = new WeakMap<readonly JSONSchema[], string>();

/** Depends on the schema alone, and a field that is missing is the most frequent mistake. */
function whatIsMissing(segments: readonly string[], context: ExplainContext): string {
  const schemas = schemasAt(context.schema, segments);
  const remembered = missingClauses.get(schemas);
  if (remembered !== undefined) return remembered;
  const expected = expectedOf(segments, context);
  const clause = expected === undefined ? "" : `; it must be ${expected}`;
  missingClauses.set(schemas, clause);
  return clause;
}

function explainCount(error: ErrorObject, context: ExplainContext): string {
  const segments = segmentsOf(error.instancePath);
  const { limit } = paramsOf(error);
  const value = valueAt(context.value, segments);
  const bound = `${error.keyword === "maxProperties" ? "at most" : "at least"} ${limit}`;
  const count = Object.keys(isObject(value) ? value : {}).length;
  return `${label(segments, context)} must have ${bound} ${limit === 1 ? "entry" : "entries"}, got ${count}`;
}

function explainValue(error: ErrorObject, context: ExplainContext): string {
  const segments = segmentsOf(error.instancePath);
  const name = label(segments, context);
  const { propertyName, parentSchema } = error;
  if (propertyName !== undefined) {
    const expected = expectation({ type: "string", ...parentSchema });
    return `each name in ${name} must be ${expected}, got ${describe(propertyName, false)}`;
  }
  const expected = ABOUT_VALUE.has(error.keyword) ? expectedOf(segments, context, error) : undefined;
  if (expected === undefined) return `${name} ${error.message ?? "is not valid"}`;
  const value = valueAt(context.value, segments);
  const found =
    error.keyword === "uniqueItems" ? "a duplicate item" : describe(value, isHidden(segments, context));
  return `${name} must be ${expected}, got ${found}${meantClause(error, value, segments, context)}`;
}

function expectedOf(
  segments: readonly string[],
  context: ExplainContext,
  error?: ErrorObject,
): string | undefined {
  const schemas = schemasAt(context.schema, segments);
  // In a union each branch has its own constant, and all of them are allowed.
  const constants = error?.keyword === "const" ? schemas.filter((schema) => "const" in schema) : [];
  const failed = error?.parentSchema === undefined ? [] : [error.parentSchema];
  const words =
    constants.length > 1
      ? constants.map(expectation)
      : [[...failed, ...schemas].map(expectation).find(isText)];
  const said = [...new Set(words.filter(isText))];
  return said.length === 0 ? undefined : either(said);
}

function isText(words: string | undefined): words is string {
  return words !== undefined;
}

function meantClause(
  error: ErrorObject,
  value: unknown,
  at: readonly string[],
  context: ExplainContext,
): string {
  const { allowedValues: words } = paramsOf(error);
  if (typeof value !== "string" || !Array.isArray(words) || isHidden(at, context)) return "";
  const meant = nearest(
    value,
    words.filter((word) => typeof word === "string"),
  );
  return meant === undefined ? "" : `; did you mean ${nameOf(meant)}?`;
}

function isHidden(segments: readonly string[], { schema, value, secrets }: ExplainContext): boolean {
  if (isMarkedSecret(schema, segments) || segments.some((name) => SECRET_NAME.test(name))) return true;
  const text = String(valueAt(value, segments));
  return secrets?.some((secret) => secret !== "" && text.includes(secret)) ?? false;
}

function valueAt(value: unknown, segments: readonly string[]): unknown {
  let found = value;
  for (const segment of segments) {
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, segment)) return undefined;
    found = Reflect.get(found, segment);
  }
  return found;
}

/** Formats a path as `plugins.telegram.chat_id` or `tool_use_ids[0]`; the whole value has a name of its own. */
function label(segments: readonly string[], { value, path, names }: ExplainContext): string {
  const text = segments.reduce((name, segment, index) => {
    if (Array.isArray(valueAt(value, segments.slice(0, index)))) return `${name}[${segment}]`;
    if (index === 0 && names?.[segment] !== undefined) return names[segment];
    return name === "" ? nameOf(segment) : `${name}.${nameOf(segment)}`;
  }, path ?? "");
  return text === "" ? "body" : text;
}
