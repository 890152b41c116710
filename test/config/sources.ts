import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError, type LoadedConfig, loadConfig } from "#config/index.js";

/** What a test gives to `loadConfig`; all of it may be left out. */
export interface Given {
  readonly argv?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The text of ./claudeway.toml. */
  readonly file?: string | Uint8Array;
}

/** Runs `use` in an empty folder, with the given file in it. */
export function inFolder<T>(file: Given["file"], use: (cwd: string) => T): T {
  const cwd = mkdtempSync(join(tmpdir(), "claudeway-config-"));
  try {
    if (file !== undefined) writeFileSync(join(cwd, "claudeway.toml"), file);
    return use(cwd);
  } finally {
    rmSync(cwd, { recursive: true });
  }
}

export function load({ argv = [], env = {}, file }: Given = {}) {
  return inFolder(file, (cwd) => loadConfig({ argv, env, cwd }));
}

/** What is loaded, where the command is one that has a configuration. */
export function loadRun(given: Given = {}): LoadedConfig {
  const loaded = load(given);
  if ("config" in loaded) return loaded;
  throw new Error(`${loaded.command}: has no configuration`);
}

/** The line that refuses what was given. */
export function refusal(given: Given): string {
  try {
    load(given);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return "taken";
}
