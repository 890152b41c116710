import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { type LoadedConfig, loadConfig, type PluginDeclaration } from "@claudeway/config";
import { PluginLoader, type PluginSelection, type PluginSource } from "@claudeway/kernel";
import { isObject } from "@claudeway/schemas";

/** A plugin to enable: an object, a name, a package or a path, optionally with its section of the configuration. */
export type TestPlugin = PluginSource | readonly [PluginSource, Readonly<Record<string, unknown>>];

type Sections = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** The enabled plugins besides those that the configuration names, and their sections by plugin name. */
export interface ChosenPlugins {
  readonly sources: readonly PluginSource[];
  readonly sections: Sections;
}

/** Resolves the plugins' own names, which are the keys of their sections. Rejects with a `PluginError`. */
export async function choosePlugins(plugins: readonly TestPlugin[], cwd: string): Promise<ChosenPlugins> {
  const loader = new PluginLoader({ cwd });
  const sections: Record<string, Readonly<Record<string, unknown>>> = {};
  const sources: PluginSource[] = [];
  for (const entry of plugins) {
    const [source, section] = isPair(entry) ? entry : [entry, undefined];
    sources.push(source);
    if (section !== undefined) sections[(await loader.load(source)).plugin.name] = section;
  }
  return { sources, sections };
}

function isPair(entry: TestPlugin): entry is Exclude<TestPlugin, PluginSource> {
  return Array.isArray(entry);
}

/** What installed and given plugins say about their settings' variables. */
export function declarationsOf(sources: readonly PluginSource[], cwd: string): PluginDeclaration[] {
  const named = sources.filter((source) => typeof source === "string");
  const objects = sources.flatMap((source) => (typeof source === "string" ? [] : [source]));
  return [
    ...new PluginLoader({ cwd }).manifests(named),
    ...objects.map(({ name, configSchema }) => ({ name, schema: configSchema, commands: {} })),
  ];
}

export interface ConfigParts {
  /** The parsed content of a claudeway.toml. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly sections: Sections;
  /** The secrets by key id, the admin's first. */
  readonly keys: Readonly<Record<string, string>>;
  /** The values of `${NAME}` in the configuration, and the variables of plugins' settings. */
  readonly env: Readonly<Record<string, string>>;
  readonly declarations?: readonly PluginDeclaration[];
  /** The parent of the gateway's folders. */
  readonly dir: string;
}

/** The configuration of a test gateway, checked like that of the command. Throws a `ConfigError`. */
export function configOf({ config, sections, keys, env, declarations = [], dir }: ConfigParts): LoadedConfig {
  const { plugins = {}, engine = {}, ...rest } = config;
  const tree = {
    host: "127.0.0.1",
    port: 0,
    workdir: join(dir, "work"),
    log_dir: join(dir, "logs"),
    data_dir: join(dir, "data"),
    log_level: "debug",
    ...rest,
    // A turn that hangs on purpose must not delay the end of its test.
    engine: isObject(engine) ? { grace_secs: 0, ...engine } : engine,
    plugins: isObject(plugins) ? merge(plugins, sections) : plugins,
  };
  const given = Object.entries(keys).map(([id, secret]) => `${id}:${secret}`);
  const loaded = loadConfig({
    argv: [],
    env: { ...env, ...("keys" in rest ? {} : { WRAPPER_KEYS: given.join(",") }) },
    cwd: dir,
    tree,
    plugins: () => declarations,
  });
  if (loaded.command !== "serve") throw new Error("the arguments must be those of serve");
  return loaded;
}

/** The selection: the plugins that the configuration names, then the given ones. */
export function selectionWith(selection: PluginSelection, sources: readonly PluginSource[]): PluginSelection {
  return { ...selection, plugins: [...(selection.plugins ?? []), ...sources] };
}

/** Creates a secret for every key id. */
export function secretsFor(ids: readonly string[]): Record<string, string> {
  return Object.fromEntries(ids.map((id) => [id, `sk-${id}-${randomBytes(16).toString("hex")}`]));
}

function merge(inFile: object, sections: Sections): object {
  const merged: Record<string, object> = { ...inFile };
  for (const [name, section] of Object.entries(sections)) merged[name] = { ...merged[name], ...section };
  return merged;
}
