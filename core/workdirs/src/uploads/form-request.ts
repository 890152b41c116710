import { GatewayError } from "@claudeway/ports";
import { isObject, type JSONSchema, type SchemaName, schemaOf } from "@claudeway/schemas";
import { REQUEST_PART } from "./receive-form.js";

/**
 * The request of a form, unchecked: the JSON of its part `request`, and a field for each other part. A field that the
 * schema has as text is taken as it is, any other one is JSON. Throws BAD_REQUEST.
 *
 * @param parse parses JSON of a client; throws BAD_REQUEST
 */
export function requestOf(
  fields: ReadonlyMap<string, string>,
  schema: SchemaName,
  parse: (text: string) => unknown,
): Record<string, unknown> {
  const given = fields.get(REQUEST_PART);
  const request: unknown = given === undefined ? {} : parse(given);
  if (!isObject(request)) throw bad(`the part ${REQUEST_PART} must be a JSON object`);
  const { properties } = schemaOf(schema);
  const others = [...fields].filter(([name]) => name !== REQUEST_PART);
  const twice = others.find(([name]) => Object.hasOwn(request, name));
  if (twice !== undefined)
    throw bad(`${twice[0]} must be either in the part ${REQUEST_PART} or a part of its own`);
  const parsed = others.map(([name, text]) => [
    name,
    isText(properties, name) ? text : parsedOr(text, parse),
  ]);
  return { ...request, ...Object.fromEntries(parsed) };
}

function isText(properties: JSONSchema[string], name: string): boolean {
  if (name === "prompt") return true;
  const property = isObject(properties) && Object.hasOwn(properties, name) ? properties[name] : undefined;
  return isObject(property) && property["type"] === "string";
}

/** The text itself where it is no JSON: the schema then says what the field must be. */
function parsedOr(text: string, parse: (text: string) => unknown): unknown {
  try {
    return parse(text);
  } catch {
    return text;
  }
}

function bad(message: string): GatewayError {
  return new GatewayError("BAD_REQUEST", message);
}
