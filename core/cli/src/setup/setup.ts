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
import { type LoadedPlugin, PluginLoader } from "@claudeway/core/host";
import { SetupCancelled } from "./cancelled.js";
import { askSection } from "./section.js";
import type { Terminal } from "./terminal.js";
import { replaceFile, whyNotWritable } from "./write.js";

const STANDARD_FILE = "claudeway.toml";

export interface SetupOptions {
  readonly cwd: string;
  /** The file to write; relative to `cwd`. */
  readonly file?: string | undefined;
  /** True: keys are given elsewhere, so the file needs none. */
  readonly hasKeys: boolean;
}

/** Whether a start is the first one, with somebody there who can answer. */
export function isFirstRun({ file, force, plugins }: LoadedConfig): boolean {
  return file === undefined && !force && plugins.length === 0 && hasTerminal();
}

/** `claudeway init`. Rejects with `SetupCancelled` on Ctrl-C, and then has written nothing. */
export async function init(
  { file, force }: StandaloneCommand,
  env: NodeJS.ProcessEnv,
  cwd: string,
): Promise<void> {
  if (force) throw new ConfigError("init: asks questions, so --force is not allowed");
  if (!hasTerminal()) throw new ConfigError("init: asks questions, so it must run on a terminal");
  await setUp({ cwd, file, hasKeys: env["WRAPPER_KEYS"] !== undefined });
}

/** Asks what the gateway is to be, tries it, and writes it down. Rejects with `SetupCancelled` on Ctrl-C. */
export async function setUp({ cwd, file = STANDARD_FILE, hasKeys }: SetupOptions): Promise<void> {
  // Loaded where somebody is there to read it: every start would pay for it.
  const { terminal } = await import("./terminal.js");
  const path = resolve(cwd, file);
  const trouble = whyNotWritable(path);
  if (trouble !== undefined) {
    throw new ConfigError(`${file}: ${trouble} (the first questions write it; --force asks none)`);
  }
  terminal.begin("Claudeway: first questions");
  if (
    existsSync(path) &&
    !(await terminal.yes(
      `${file} is there already. Write it anew? (The old one is kept as ${file}.old)`,
      false,
    ))
  ) {
    throw new SetupCancelled();
  }
  const plugins = await askPlugins(new PluginLoader({ cwd }), terminal);
  const keys = hasKeys ? [] : await askKeys(terminal);
  replaceFile(path, configText(keys, plugins));
  const [key] = keys;
  if (key !== undefined) terminal.toCopy(`The key ${key.id}, which stands in ${file}:`, key.secret);
  terminal.end(`${file} is written. Edit it as you like; \`claudeway init\` asks again.`);
}

async function askPlugins(loader: PluginLoader, terminal: Terminal): Promise<WrittenPlugin[]> {
  const loaded = await Promise.all((await loader.names()).map((name) => loader.load(name)));
  const chosen = await terminal.several(
    "Which plugins? (space chooses, enter goes on)",
    loaded.map(({ plugin }) => ({
      value: plugin.name,
      label: plugin.name,
      hint: summaryOf(plugin.configSchema),
    })),
  );
  const written: WrittenPlugin[] = [];
  for (const one of loaded.filter(({ plugin }) => chosen.includes(plugin.name))) {
    const section = await askSection(one, terminal);
    if (section !== undefined) written.push(toWritten(one, section));
  }
  return written;
}

async function askKeys(terminal: Terminal): Promise<ApiKey[]> {
  const wanted = await terminal.yes(
    "Make an API key for the file? (Without one, a new one is made at each start)",
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

/** @clack/prompts ends the process where there is none. */
function hasTerminal(): boolean {
  return process.stdin.isTTY === true && process.stdout.isTTY === true;
}
