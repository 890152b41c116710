import { existsSync } from "node:fs";
import { resolve } from "node:path";
import {
  type ApiKey,
  ConfigError,
  configText,
  generateKey,
  type LoadedConfig,
  type StandaloneCommand,
  type WrittenPlugin,
} from "@claudeway/config";
import { type LoadedPlugin, oneLine, PluginLoader } from "@claudeway/kernel";
import { messageOf } from "@claudeway/ports";
import { SetupCancelled } from "./cancelled.js";
import { askSection } from "./section.js";
import type { Terminal } from "./terminal.js";
import { replaceFile, whyNotWritable } from "./write.js";

const STANDARD_FILE = "claudeway.toml";

export interface SetupOptions {
  readonly cwd: string;
  /** The file to write, relative to `cwd`. */
  readonly file?: string | undefined;
  /** True if keys are configured elsewhere, so that the file needs none. */
  readonly hasKeys: boolean;
}

/** Whether this is a first start on a terminal, where a user can answer questions. */
export function isFirstRun({ file, force, plugins }: LoadedConfig): boolean {
  return file === undefined && !force && plugins.length === 0 && hasTerminal();
}

/** `claudeway init`. Rejects with `SetupCancelled` on Ctrl-C, without writing anything. */
export async function init({ file }: StandaloneCommand, env: NodeJS.ProcessEnv, cwd: string): Promise<void> {
  if (!hasTerminal())
    throw new ConfigError(
      "init: asks questions, so it must run on a terminal; without one, copy config/claudeway.example.toml",
    );
  await setUp({ cwd, file, hasKeys: env["WRAPPER_KEYS"] !== undefined });
}

/** Asks for the settings, tests them, and writes the file. Rejects with `SetupCancelled` on Ctrl-C. */
export async function setUp({ cwd, file = STANDARD_FILE, hasKeys }: SetupOptions): Promise<void> {
  // Imported only when needed, since it would slow down every start.
  const { terminal } = await import("./terminal.js");
  const path = resolve(cwd, file);
  const trouble = whyNotWritable(path);
  if (trouble !== undefined) {
    throw new ConfigError(`${file}: ${trouble} (the setup writes this file; --force skips the setup)`);
  }
  terminal.begin("Claudeway setup");
  if (
    existsSync(path) &&
    !(await terminal.yes(`${file} already exists. Replace it? (The old file is kept as ${file}.old)`, false))
  ) {
    throw new SetupCancelled();
  }
  const plugins = await askPlugins(new PluginLoader({ cwd }), terminal);
  const keys = hasKeys ? [] : await askKeys(terminal);
  replaceFile(path, configText(keys, plugins));
  const [key] = keys;
  if (key !== undefined) terminal.toCopy(`The API key "${key.id}", as written to ${file}:`, key.secret);
  terminal.end(`${file} is written. You can edit it, or run \`claudeway init\` again.`);
}

async function askPlugins(loader: PluginLoader, terminal: Terminal): Promise<WrittenPlugin[]> {
  const loaded = await Promise.all(loader.names().map((name) => loader.load(name)));
  // Installed by someone else: their code runs only once they are chosen.
  const others = loader.otherPackages();
  const chosen = await terminal.several("Which plugins? (space to select, enter to continue)", [
    ...loaded.map(({ plugin }) => ({
      value: plugin.name,
      label: plugin.name,
      hint: summaryOf(plugin.configSchema),
    })),
    ...others.map(({ name, description = "an installed package" }) => ({
      value: name,
      label: name,
      hint: description,
    })),
  ]);
  const written: WrittenPlugin[] = [];
  for (const one of loaded.filter(({ plugin }) => chosen.includes(plugin.name))) {
    const section = await askSection(one, terminal);
    if (section !== undefined) written.push(toWritten(one, section));
  }
  for (const { name } of others.filter((other) => chosen.includes(other.name))) {
    const one = await loadOther(loader, name, terminal);
    if (one === undefined) continue;
    if (written.some((plugin) => plugin.name === one.plugin.name)) {
      terminal.warn(`${name}: a plugin named ${one.plugin.name} is enabled already`);
      continue;
    }
    const section = await askSection(one, terminal);
    if (section !== undefined) written.push(toWritten(one, { package: name, ...section }));
  }
  return written;
}

/** A plugin of a package; undefined, after a warning, if this gateway cannot run it. */
async function loadOther(
  loader: PluginLoader,
  name: string,
  terminal: Terminal,
): Promise<LoadedPlugin | undefined> {
  try {
    return await loader.load(name);
  } catch (error) {
    terminal.warn(oneLine(messageOf(error)));
    return undefined;
  }
}

async function askKeys(terminal: Terminal): Promise<ApiKey[]> {
  const wanted = await terminal.yes(
    "Create an API key in the file? (Without one, a new key is generated at each start)",
  );
  return wanted ? [{ ...generateKey(), id: "admin" }] : [];
}

function toWritten({ plugin }: LoadedPlugin, section: Record<string, unknown>): WrittenPlugin {
  return { name: plugin.name, schema: plugin.configSchema, section };
}

/** "Settings of the demo plugin: a scripted model." → "a scripted model" */
function summaryOf({ description }: Readonly<Record<string, unknown>>): string {
  const text = typeof description === "string" ? description : "";
  return text
    .slice(text.indexOf(": ") + 1)
    .replace(/\.$/, "")
    .trim();
}

/** Checked first, because @clack/prompts ends the process without a terminal. */
function hasTerminal(): boolean {
  return process.stdin.isTTY === true && process.stdout.isTTY === true;
}
