import { createAjv, explain, isObject } from "@claudeway/schemas";
import type { ValidateFunction } from "ajv/dist/2020.js";
import { messageOf } from "../../errors.js";
import { deepFreeze } from "../calling/freeze.js";
import { PluginError } from "../faults.js";
import type { JSONSchema } from "../plugin.js";

/** A plugin's section of the configuration as the operator wrote it. */
export type PluginSection = Readonly<Record<string, unknown>>;

/** Checks a section and gives the frozen copy that the plugin gets, defaults filled in; throws a `PluginError`. */
export type ConfigCheck = (section: PluginSection) => Readonly<Record<string, unknown>>;

/** The kernel's own key in every section. */
const OWN_KEY = "enabled";

/** Throws a `PluginError` if the schema is not a valid JSON Schema. */
export function compileConfigSchema(plugin: string, configSchema: JSONSchema): ConfigCheck {
  const schema = closed(configSchema);
  const validate = compile(plugin, schema);
  const path = `plugins.${plugin}`;
  return (section) => {
    const config = copySection(plugin, section);
    delete config[OWN_KEY];
    if (validate(config)) return deepFreeze(config);
    throw new PluginError(
      plugin,
      "CW_PLUGIN_CONFIG_INVALID",
      explain(validate.errors, { schema, value: config, path, noun: "setting" }),
    );
  };
}

function compile(plugin: string, schema: JSONSchema): ValidateFunction {
  const { properties } = schema;
  if (isObject(properties) && OWN_KEY in properties) {
    throw new PluginError(
      plugin,
      "CW_PLUGIN_SCHEMA_INVALID",
      `plugin ${plugin}: its configSchema has "${OWN_KEY}", the kernel's own key; take another name`,
    );
  }
  try {
    if ("$async" in schema) throw new Error("it has $async; a section is checked at once");
    checkAgainstMetaSchema(schema);
    // An instance of its own: two plugins may use one `$id`, and compiling it twice in one instance throws.
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
      `plugin ${plugin}: its configSchema is no JSON Schema 2020-12: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

let metaSchema: ReturnType<typeof createAjv> | undefined;

/** In one instance for all plugins: compiling the meta-schema anew would cost each of them 40 ms. */
function checkAgainstMetaSchema(schema: JSONSchema): void {
  metaSchema ??= createAjv({ logger: false });
  if (metaSchema.validateSchema(schema) === true) return;
  throw new Error(metaSchema.errorsText(metaSchema.errors, { dataVar: "configSchema" }));
}

/** Where a schema does not say what becomes of unknown keys, they are refused: a typing error must not be silent. */
function closed(schema: JSONSchema): JSONSchema {
  const said = "additionalProperties" in schema || "unevaluatedProperties" in schema;
  return { type: "object", ...schema, ...(!said && { unevaluatedProperties: false }) };
}

function copySection(plugin: string, section: PluginSection): Record<string, unknown> {
  if (!isObject(section))
    throw new PluginError(
      plugin,
      "CW_PLUGIN_CONFIG_INVALID",
      `plugins.${plugin}: takes a section of settings`,
    );
  try {
    return structuredClone<Record<string, unknown>>(section);
  } catch (error) {
    throw new PluginError(
      plugin,
      "CW_PLUGIN_CONFIG_INVALID",
      `plugins.${plugin}: takes plain data: ${messageOf(error)}`,
      {
        cause: error,
      },
    );
  }
}
