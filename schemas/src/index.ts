export { createAjv } from "./ajv.js";
/**
 * JSON Schemas of Claudeway's external formats, with their generated types and validators.
 */

export { ERROR_STATUS } from "./error-status.js";
export { type ExplainContext, type ExplainOptions, explain } from "./explain.js";
export * from "./generated/types.js";
export { isObject, type JSONSchema, type SchemaName, schemaOf } from "./json-schema.js";
export { JsonShape, MAX_ITEMS as MAX_JSON_ITEMS, MAX_LEVELS as MAX_JSON_LEVELS } from "./json-shape.js";
export { isMarkedSecret, schemasAt } from "./locate.js";
export { nearest } from "./nearest.js";
export { type Checked, validate, validateInPlace } from "./validate.js";
export { either, nameOf, quote } from "./words.js";
