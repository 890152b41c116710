import { Ajv2020, type Options } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { type ExplainOptions, explain } from "./explain.js";
import { SCHEMA_NAMES, type SchemaTypes } from "./generated/types.js";
import { type SchemaName, schemaOf } from "./json-schema.js";

/** The value with its defaults filled in, or one line that describes the fault. */
export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly message: string };

/** Keywords of our own: a setting's flag and variable, whether it is secret, and what it must be, in words. */
const OWN_KEYWORDS = ["x-flag", "x-env", "x-secret", "x-takes"];

/** Creates an ajv for JSON Schema 2020-12 that fills in defaults and supports the formats and the `x-` keywords. */
export function createAjv(options: Options = {}): Ajv2020 {
  const ajv = new Ajv2020({ useDefaults: true, verbose: true, allowUnionTypes: true, ...options });
  addFormats.default(ajv);
  ajv.addVocabulary(OWN_KEYWORDS);
  return ajv;
}

let own: Ajv2020 | undefined;

/** Created at the first use, with every schema of this package, so that they can refer to each other. */
function ajvWithSchemas(): Ajv2020 {
  if (own === undefined) {
    // A test validates the schemas; validating them again would cost every start 60 ms.
    own = createAjv({ validateSchema: false });
    for (const name of SCHEMA_NAMES) own.addSchema(schemaOf(name));
  }
  return own;
}

/** Checks a copy of a value against one of this package's schemas, and fills in the defaults. */
export function validate<Name extends SchemaName>(
  name: Name,
  value: unknown,
  options: ExplainOptions = {},
): Checked<SchemaTypes[Name]> {
  return validateInPlace(name, structuredClone(value), options);
}

/** The same in the value itself, for one that the caller has to itself: the copy would cost more than the check. */
export function validateInPlace<Name extends SchemaName>(
  name: Name,
  value: unknown,
  options: ExplainOptions = {},
): Checked<SchemaTypes[Name]> {
  const schema = schemaOf(name);
  // Compiled once: ajv caches by the schema object's identity.
  const isValid = ajvWithSchemas().compile<SchemaTypes[Name]>(schema);
  if (isValid(value)) return { ok: true, value };
  return { ok: false, message: explain(isValid.errors, { ...options, schema, value }) };
}
