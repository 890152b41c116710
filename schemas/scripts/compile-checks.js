/**
 * Compiles the schemas that every start needs or requests are checked against, as `validate` would at run time, to
 * dist/checks/. Loading ajv and compiling them took half of a start. Part of the build, after the TypeScript compiler.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import standaloneCode from "ajv/dist/standalone/index.js";
import { createAjv } from "../dist/ajv.js";
import { SCHEMA_NAMES, schemaOf } from "../dist/index.js";

const TARGET = fileURLToPath(new URL("../dist/checks/", import.meta.url));

/** Whether values are checked against the schema while the gateway runs; other schemas are for documents and tests. */
function isChecked(name) {
  const isRequest = name.endsWith("-request") && !name.startsWith("event-");
  return isRequest || ["command-line", "config", "event-interrupt"].includes(name);
}

const ajv = createAjv({ validateSchema: false, code: { source: true, lines: true } });
for (const name of SCHEMA_NAMES) ajv.addSchema(schemaOf(name));
rmSync(TARGET, { recursive: true, force: true });
mkdirSync(TARGET);
for (const name of SCHEMA_NAMES.filter(isChecked)) {
  writeFileSync(`${TARGET}${name}.cjs`, standaloneCode.default(ajv, ajv.getSchema(`${name}.json`)));
}
