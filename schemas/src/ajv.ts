import { createRequire } from "node:module";
import type { Ajv2020, Options } from "ajv/dist/2020.js";

const require = createRequire(import.meta.url);

/** Keywords of our own: a setting's flag and variable, whether it is secret, and what it must be, in words. */
const OWN_KEYWORDS = ["x-flag", "x-env", "x-secret", "x-takes"];

/**
 * Creates an ajv for JSON Schema 2020-12 that fills in defaults and supports the formats and the `x-` keywords. The first
 * one loads ajv: its eighty files would be a large part of a start that needs none of them.
 */
export function createAjv(options: Options = {}): Ajv2020 {
  const { Ajv2020: Ajv }: typeof import("ajv/dist/2020.js") = require("ajv/dist/2020.js");
  const { default: addFormats }: typeof import("ajv-formats").default = require("ajv-formats");
  const ajv = new Ajv({ useDefaults: true, verbose: true, allowUnionTypes: true, ...options });
  addFormats(ajv);
  ajv.addVocabulary(OWN_KEYWORDS);
  return ajv;
}
