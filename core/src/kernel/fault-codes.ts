/** What can go wrong with a plugin, by its code: why it happens, and what to do about it. */
export const PLUGIN_FAULTS = {
  CW_PLUGIN_NOT_FOUND: {
    cause: "No plugin has that name, and no package or file is at that place.",
    remedy: "Correct the name, or install the package. The message names the nearest one that there is.",
  },
  CW_PLUGIN_ENTRY_MISSING: {
    cause: "The file that the plugin's `package.json` names as its entry is missing.",
    remedy: "Build the plugin, or correct `exports` or `main`.",
  },
  CW_PLUGIN_MANIFEST_UNREADABLE: {
    cause: "The plugin's `package.json` is missing or not JSON.",
    remedy: "Name the folder that holds it, or correct the file.",
  },
  CW_PLUGIN_DEPENDENCY_MISSING: {
    cause: "The plugin imports a package that is not installed.",
    remedy: "Run `npm install` in the plugin's folder.",
  },
  CW_PLUGIN_IMPORT_FAILED: {
    cause: "The plugin's module threw while it was imported.",
    remedy: "The message has the error; its stack is in the log.",
  },
  CW_PLUGIN_IMPORT_TIMEOUT: {
    cause: "The import did not end: most likely, a top-level `await` never does.",
    remedy: "Move what takes long into `apply`, or start it there without awaiting it.",
  },
  CW_PLUGIN_INVALID: {
    cause: "The module exports nothing that is a plugin, or one with a wrong field.",
    remedy: "Export what `definePlugin()` returns as the default export.",
  },
  CW_PLUGIN_API_VERSION: {
    cause: "The plugin was written for another version of the plugin API.",
    remedy: "Upgrade the gateway, or take a version of the plugin that fits.",
  },
  CW_PLUGIN_NAME_TAKEN: {
    cause:
      "Two plugins have the same name, or one that ships with the gateway has another name than its package.",
    remedy: "Switch one of them off, or rename your own.",
  },
  CW_PLUGIN_SCHEMA_INVALID: {
    cause:
      "The plugin's `configSchema` is not a JSON Schema 2020-12, or uses `enabled`, the gateway's own key.",
    remedy: "Correct the schema; the message says where.",
  },
  CW_PLUGIN_CONFIG_INVALID: {
    cause: "The plugin's section of the configuration is not as its schema says.",
    remedy: "Correct the setting that the message names.",
  },
  CW_PLUGIN_NOT_ON: {
    cause: "Something was asked of a plugin that is off, or never was on.",
    remedy: "Switch it on first.",
  },
  CW_PLUGIN_START_FAILED: {
    cause: "`apply` threw. All that it had registered is undone.",
    remedy: "The message has the error; its stack is in the log.",
  },
  CW_PLUGIN_START_TIMEOUT: {
    cause: "`apply` did not end within its time.",
    remedy: "Do not await what takes long; start it, and report it with `kernel.notice`.",
  },
  CW_PLUGIN_LATE_REGISTRATION: {
    cause: "The plugin registered a tap, a route or a disposer after `apply` had ended.",
    remedy: "Register everything while `apply` runs.",
  },
  CW_PLUGIN_TAP_FAILED: {
    cause: "A tap threw, or its promise was rejected. On hooks that decide, the client gets a 500.",
    remedy: "Throw a `Refusal` to refuse; catch everything else.",
  },
  CW_PLUGIN_TAP_TIMEOUT: {
    cause: "A tap did not answer, or was not done, within its time.",
    remedy: "Answer sooner, or do the work in the background.",
  },
  CW_PLUGIN_ANSWER_INVALID: {
    cause: "A tap answered what its hook does not accept.",
    remedy: "Answer as the types say; the message names the field.",
  },
  CW_PLUGIN_EVENTS_DROPPED: {
    cause:
      "Too many calls of a tap that is only told of events were still running; further ones were dropped.",
    remedy: "Handle events faster, or put them into a queue of the plugin's own.",
  },
  CW_PLUGIN_BLOCKED: {
    cause: "The plugin's code held the event loop, and with it the whole gateway.",
    remedy: "Cut long work into pieces, or move it to a worker.",
  },
  CW_PLUGIN_UNCAUGHT: {
    cause: "The plugin threw in a timer, an event or a promise, where nothing caught it.",
    remedy: "Handle errors there; the stack is in the log.",
  },
  CW_PLUGIN_STOP_TIMEOUT: {
    cause:
      "Calls that the plugin had to decide on were still in flight when it was taken down. They are refused.",
    remedy: "Answer sooner, or listen to `kernel.signal`.",
  },
  CW_PLUGIN_DISPOSE_FAILED: {
    cause: "A disposer threw, or did not end within its time. What it held may be left behind.",
    remedy: "Make the disposer end what it owns within its time.",
  },
} as const satisfies Readonly<Record<string, { readonly cause: string; readonly remedy: string }>>;

/** The code of a plugin's fault; docs/plugin-faults.md explains each. */
export type PluginFaultCode = keyof typeof PLUGIN_FAULTS;
