import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import type { ValidateFunction } from "ajv/dist/2020.js";
import { createAjv } from "./ajv.js";
import { type ExplainOptions, explain } from "./explain.js";
import { SCHEMA_NAMES, type SchemaTypes } from "./generated/types.js";
import { type SchemaName, schemaOf } from "./json-schema.js";

/** The value with its defaults filled in, or one line that describes the fault. */
export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly message: string };

const require = createRequire(import.meta.url);
const validators = new Map<SchemaName, ValidateFunction>();

/** The check of a schema: the one that the build compiled, or else compiled now. */
function validatorOf(name: SchemaName): ValidateFunction {
  const known = validators.get(name);
  if (known !== undefined) return known;
  const file = fileURLToPath(new URL(`../dist/checks/${name}.cjs`, import.meta.url));
  const validator: ValidateFunction = existsSync(file) ? require(file) : compileWithAll(name);
  validators.set(name, validator);
  return validator;
}

/** Compiles with every schema of this package, so that they can refer to each other. A test validates the schemas. */
function compileWithAll(name: SchemaName): ValidateFunction {
  const ajv = createAjv({ validateSchema: false });
  for (const one of SCHEMA_NAMES) ajv.addSchema(schemaOf(one));
  return ajv.compile(schemaOf(name));
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
  const validator = validatorOf(name);
  if (isValid<SchemaTypes[Name]>(validator, value)) return { ok: true, value };
  return { ok: false, message: explain(validator.errors, { ...options, schema: schemaOf(name), value }) };
}

function isValid<T>(validator: ValidateFunction, value: unknown): value is T {
  return validator(value) === true;
}
