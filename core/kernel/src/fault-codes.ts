/** The faults of plugins by code, with cause and remedy. */
export const PLUGIN_FAULTS = {
  CW_PLUGIN_NOT_FOUND: {
    cause: "No plugin has this name, and no package or file exists at this path.",
    remedy: "Correct the name, or install the package. The message suggests the nearest known name.",
  },
  CW_PLUGIN_ENTRY_MISSING: {
    cause: "The file that the plugin's `package.json` names as its entry is missing.",
    remedy: "Build the plugin, or correct `exports` or `main`.",
  },
  CW_PLUGIN_MANIFEST_UNREADABLE: {
    cause:
      "The plugin's `package.json` or `config.schema.json` can't be read or is not JSON, or `claudeway.commands` is invalid.",
    remedy: "Use the folder that contains it, or correct the file that the message names.",
  },
  CW_PLUGIN_DEPENDENCY_MISSING: {
    cause: "The plugin imports a package that is not installed.",
    remedy: "Run `npm install` in the plugin's folder.",
  },
  CW_PLUGIN_IMPORT_FAILED: {
    cause: "The plugin's module threw an error during its import.",
    remedy: "The message has the error; its stack is in the log.",
  },
  CW_PLUGIN_IMPORT_TIMEOUT: {
    cause: "The import did not finish in time, most likely because of a top-level `await` that never ends.",
    remedy: "Move slow work into `apply`, or start it there without awaiting it.",
  },
  CW_PLUGIN_INVALID: {
    cause: "The module does not export a plugin, or the plugin has an invalid field.",
    remedy: "Export what `definePlugin()` returns as the default export.",
  },
  CW_PLUGIN_API_VERSION: {
    cause: "The plugin was written for another version of the plugin API.",
    remedy: "Upgrade the gateway, or use a compatible version of the plugin.",
  },
  CW_PLUGIN_NAME_TAKEN: {
    cause: "Two plugins have the same name, or a plugin has another name than its package or section.",
    remedy: "Disable one of them, or rename your own, or the section.",
  },
  CW_PLUGIN_SCHEMA_INVALID: {
    cause:
      "The plugin's `configSchema` is not a valid JSON Schema 2020-12, or defines `enabled`, which belongs to the gateway.",
    remedy: "Correct the schema; the message names the place.",
  },
  CW_PLUGIN_CONFIG_INVALID: {
    cause: "The plugin's section of the configuration does not match its schema.",
    remedy: "Correct the setting that the message names.",
  },
  CW_PLUGIN_NOT_ON: {
    cause: "The operation needs an enabled plugin, but the plugin is disabled or unknown.",
    remedy: "Enable the plugin first.",
  },
  CW_PLUGIN_START_FAILED: {
    cause: "`apply` threw an error. Everything that it had registered was removed.",
    remedy: "The message has the error; its stack is in the log.",
  },
  CW_PLUGIN_START_TIMEOUT: {
    cause: "`apply` did not finish within its deadline.",
    remedy: "Do not await slow work; start it, and report it with `kernel.notice`.",
  },
  CW_PLUGIN_LATE_REGISTRATION: {
    cause: "The plugin registered a tap, a route or a disposer after `apply` had ended.",
    remedy: "Register everything while `apply` runs.",
  },
  CW_PLUGIN_TAP_FAILED: {
    cause: "A tap threw an error, or its promise was rejected. On interceptor hooks, the client gets a 500.",
    remedy: "Throw a `Refusal` to refuse; catch everything else.",
  },
  CW_PLUGIN_TAP_TIMEOUT: {
    cause: "A tap did not finish within its deadline.",
    remedy: "Answer sooner, or do the work in the background.",
  },
  CW_PLUGIN_ANSWER_INVALID: {
    cause: "The return value of a tap is not valid for its hook.",
    remedy: "Return a value of the documented type; the message names the field.",
  },
  CW_PLUGIN_EVENTS_DROPPED: {
    cause: "Too many calls of an observer tap were still running; further calls were dropped.",
    remedy: "Handle events faster, or put them into a queue of the plugin's own.",
  },
  CW_PLUGIN_BLOCKED: {
    cause: "The plugin's code blocked the event loop, and with it the whole gateway.",
    remedy: "Split long work into smaller parts, or move it to a worker.",
  },
  CW_PLUGIN_UNCAUGHT: {
    cause: "The plugin threw an error in a timer, an event handler or a promise, and did not catch it.",
    remedy: "Catch errors there; the stack is in the log.",
  },
  CW_PLUGIN_STOP_TIMEOUT: {
    cause: "Calls that the plugin had to decide were still in flight when it was stopped. They are refused.",
    remedy: "Answer sooner, or listen to `kernel.signal`.",
  },
  CW_PLUGIN_DISPOSE_FAILED: {
    cause: "A disposer threw an error, or did not finish within its deadline. Its resources may leak.",
    remedy: "Make the disposer release its resources within its deadline.",
  },
} as const satisfies Readonly<Record<string, { readonly cause: string; readonly remedy: string }>>;

/** The code of a plugin's fault; docs/plugin-faults.md explains each. */
export type PluginFaultCode = keyof typeof PLUGIN_FAULTS;
