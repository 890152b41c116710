import { messageOf } from "@claudeway/ports";
import { createAjv, explain, isObject } from "@claudeway/schemas";
import type { ValidateFunction } from "ajv/dist/2020.js";
import { deepFreeze } from "../calling/freeze.js";
import { PluginError } from "../faults.js";
import type { JSONSchema } from "../plugin.js";
import { SOURCE_KEYS } from "./section-source.js";

/** A plugin's section of the configuration as the operator wrote it. */
export type PluginSection = Readonly<Record<string, unknown>>;

/**
 * Validates a section and returns a frozen copy with defaults for the plugin. `names` has what errors call settings that did
 * not come from the file, such as `--repos-dir`. Throws a `PluginError`.
 */
export type ConfigCheck = (
  section: PluginSection,
  names?: Readonly<Record<string, string>>,
) => Readonly<Record<string, unknown>>;

/** The kernel's own key in every section. */
const OWN_KEY = "enabled";

/** Throws a `PluginError` if the schema is not a valid JSON Schema. */
export function compileConfigSchema(plugin: string, configSchema: JSONSchema): ConfigCheck {
  const schema = closed(configSchema);
  refuseOwnKey(plugin, schema);
  const validate = compileSchema(plugin, schema, "its configSchema");
  const path = `plugins.${plugin}`;
  return (section, names = {}) => {
    const config = copySection(plugin, section);
    delete config[OWN_KEY];
    // A plugin may have settings of these names, from before sections could say where it is.
    for (const key of SOURCE_KEYS) if (!defines(schema, key)) delete config[key];
    if (validate(config)) return deepFreeze(config);
    throw new PluginError(
      plugin,
      "CW_PLUGIN_CONFIG_INVALID",
      explain(validate.errors, { schema, value: config, path, names, noun: "setting" }),
    );
  };
}

function defines({ properties }: JSONSchema, key: string): boolean {
  return isObject(properties) && key in properties;
}

function refuseOwnKey(plugin: string, schema: JSONSchema): void {
  if (!defines(schema, OWN_KEY)) return;
  throw new PluginError(
    plugin,
    "CW_PLUGIN_SCHEMA_INVALID",
    `plugin ${plugin}: its configSchema must not have the property "${OWN_KEY}", which the kernel defines`,
  );
}

/** Compiles a schema of a plugin; `what` is what errors call it. Throws a `PluginError` if it is not a valid JSON Schema. */
export function compileSchema(plugin: string, schema: JSONSchema, what: string): ValidateFunction {
  try {
    if ("$async" in schema) throw new Error("$async is not supported");
    checkAgainstMetaSchema(schema, what);
    // One instance per plugin: two plugins may use the same `$id`, and compiling it twice in one instance throws.
    const ajv = createAjv({
      logger: false,
      validateSchema: false,
      strictTypes: false,
      strictTuples: false,
      strictRequired: false,
    });
    return ajv.compile(schema);
  } catch (error) {
    throw new PluginError(
      plugin,
      "CW_PLUGIN_SCHEMA_INVALID",
      `plugin ${plugin}: ${what} must be a JSON Schema 2020-12: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

let metaSchema: ReturnType<typeof createAjv> | undefined;

/** Uses one instance for all plugins: compiling the meta-schema takes 40 ms. */
function checkAgainstMetaSchema(schema: JSONSchema, what: string): void {
  metaSchema ??= createAjv({ logger: false });
  if (metaSchema.validateSchema(schema) === true) return;
  throw new Error(metaSchema.errorsText(metaSchema.errors, { dataVar: what.split(" ").at(-1) ?? what }));
}

/** Unknown keys are refused unless the schema allows them, so that typing errors are reported. */
export function closed(schema: JSONSchema): JSONSchema {
  const isExplicit = "additionalProperties" in schema || "unevaluatedProperties" in schema;
  return { type: "object", ...schema, ...(!isExplicit && { unevaluatedProperties: false }) };
}

function copySection(plugin: string, section: PluginSection): Record<string, unknown> {
  if (!isObject(section))
    throw new PluginError(
      plugin,
      "CW_PLUGIN_CONFIG_INVALID",
      `plugins.${plugin} must be a section of settings`,
    );
  try {
    return structuredClone<Record<string, unknown>>(section);
  } catch (error) {
    throw new PluginError(
      plugin,
      "CW_PLUGIN_CONFIG_INVALID",
      `plugins.${plugin} must be plain data: ${messageOf(error)}`,
      {
        cause: error,
      },
    );
  }
}
