import type { ErrorObject } from "ajv/dist/2020.js";
import { isObject, type JSONSchema } from "./json-schema.js";
import { isMarkedSecret, schemasAt, segmentsOf } from "./locate.js";
import { nearest } from "./nearest.js";
import { describe, either, nameOf, takes } from "./words.js";

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

/** What is wrong is the value itself; anything else is worded by ajv. */
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

/** A body may have any number of unknown fields; a slip is looked for among the first. */
const MAX_NAMES = 50;

/** Names of fields whose values are hidden even where a schema forgot to mark them. */
const SECRET_NAME = /(^|[_-])(keys?|secret|token|password|passphrase|credentials?|webhook_url)$/i;

/**
 * What is wrong, in one line: the field, what was found, what it takes, and for a name that is not known the nearest
 * right one. `errors` are ajv's.
 */
export function explain(errors: readonly ErrorObject[] | null | undefined, context: ExplainContext): string {
  const error = pick(errors ?? []);
  if (error === undefined) return `${context.path ?? "body"}: is not valid`;
  switch (error.keyword) {
    case "additionalProperties":
    case "unevaluatedProperties":
      return explainUnknown(error, context);
    case "required":
      return explainMissing(error, context);
    default:
      return explainValue(error, context);
  }
}

/** Of several, the one that says most: inside a branch of `anyOf` or `oneOf` the one that got furthest. */
function pick(errors: readonly ErrorObject[]): ErrorObject | undefined {
  const choice = errors.find((error) => error.keyword === "anyOf" || error.keyword === "oneOf");
  if (choice === undefined) return errors[0];
  const depth = (error: ErrorObject) => segmentsOf(error.instancePath).length + (isAboutName(error) ? 1 : 0);
  return errors.reduce((best, error) => (depth(error) > depth(best) ? error : best), choice);
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
  const hint = meant === undefined ? allowed(known) : `did you mean ${nameOf(meant)}?`;
  return `${label([...parent, name], context)}: unknown ${context.noun ?? "field"}${hint === "" ? "" : `; ${hint}`}`;
}

/** The name may be right and only its section forgotten. */
function nearestBelow(
  parent: readonly string[],
  name: string,
  known: readonly string[],
  context: ExplainContext,
): string | undefined {
  const section = known.find((candidate) => knownNames([...parent, candidate], context).includes(name));
  return section === undefined ? undefined : `${section}.${name}`;
}

function allowed(names: readonly string[]): string {
  return names.length === 0 ? "" : `takes ${either(names.map(nameOf))}`;
}

function knownNames(segments: readonly string[], { schema }: ExplainContext): string[] {
  const names = schemasAt(schema, segments).flatMap(({ properties }) =>
    isObject(properties) ? Object.keys(properties) : [],
  );
  return [...new Set(names)];
}

function explainMissing(error: ErrorObject, context: ExplainContext): string {
  const parent = segmentsOf(error.instancePath);
  const { missingProperty } = paramsOf(error);
  const missing = String(missingProperty);
  // A slip in the name is why it is missing, so that is what to say.
  const known = knownNames(parent, context);
  const given = valueAt(context.value, parent);
  const slip = Object.keys(isObject(given) ? given : {})
    .slice(0, MAX_NAMES)
    .find((name) => !known.includes(name) && nearest(name, known) === missing);
  if (slip !== undefined) return unknownField(parent, slip, context);
  return `${label([...parent, missing], context)}: missing${takesClause([...parent, missing], context)}`;
}

function explainValue(error: ErrorObject, context: ExplainContext): string {
  const segments = segmentsOf(error.instancePath);
  const name = label(segments, context);
  const clause = ABOUT_VALUE.has(error.keyword) ? takesClause(segments, context, error) : "";
  if (clause === "") return `${name}: ${error.message ?? "is not valid"}`;
  const value = valueAt(context.value, segments);
  const found =
    error.keyword === "uniqueItems"
      ? "has an item twice"
      : `is ${describe(value, isHidden(segments, context))}`;
  return `${name}: ${found}${clause}${meantClause(error, value, segments, context)}`;
}

function takesClause(segments: readonly string[], context: ExplainContext, error?: ErrorObject): string {
  const schemas = schemasAt(context.schema, segments);
  // In a union each branch has its own constant: all of them are taken.
  const constants = error?.keyword === "const" ? schemas.filter((schema) => "const" in schema) : [];
  const failed = error?.parentSchema === undefined ? [] : [error.parentSchema];
  const words =
    constants.length > 1 ? constants.map(takes) : [[...failed, ...schemas].map(takes).find(isText)];
  const said = [...new Set(words.filter(isText))];
  return said.length === 0 ? "" : `; takes ${either(said)}`;
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

/** `plugins.telegram.chat_id`, `tool_use_ids[0]`; for the whole value its own name. */
function label(segments: readonly string[], { value, path, names }: ExplainContext): string {
  const text = segments.reduce((name, segment, index) => {
    if (Array.isArray(valueAt(value, segments.slice(0, index)))) return `${name}[${segment}]`;
    const field = (index === 0 ? names?.[segment] : undefined) ?? nameOf(segment);
    return name === "" ? field : `${name}.${field}`;
  }, path ?? "");
  return text === "" ? "body" : text;
}
