import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { nameOf } from "@claudeway/schemas";
import { parse, TomlError } from "smol-toml";
import { ConfigError } from "./errors.js";

/** A config file as it was read, nothing substituted or checked. */
export interface ConfigFile {
  /** Absolute. */
  readonly path: string;
  /** As the operator wrote it, for messages. */
  readonly shown: string;
  readonly tree: unknown;
}

const STANDARD = "./claudeway.toml";

/** Reads the file that was named, or else `./claudeway.toml` if there is one. */
export function readConfigFile(named: string | undefined, cwd: string): ConfigFile | undefined {
  const shown = nameOf(named ?? STANDARD);
  const path = resolve(cwd, named ?? STANDARD);
  const text = readFile(path, shown, named !== undefined);
  return text === undefined ? undefined : { path, shown, tree: parseToml(text, shown) };
}

function readFile(path: string, shown: string, isNamed: boolean): string | undefined {
  const where = isNamed ? `--config: ${shown}` : shown;
  const bytes = readBytes(path, where, isNamed);
  try {
    return bytes === undefined ? undefined : new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new ConfigError(`${where}: is not UTF-8 text`);
  }
}

function readBytes(path: string, where: string, isNamed: boolean): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" && !isNamed) return undefined;
    if (code === "ENOENT") throw new ConfigError(`${where}: there is no such file`);
    if (code === "EISDIR") throw new ConfigError(`${where}: is a folder; takes a file`);
    throw new ConfigError(`${where}: cannot be read (${String(code)})`);
  }
}

function parseToml(text: string, shown: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // Only the first line: the rest shows the file, and with it perhaps a secret.
    const [problem = ""] = error.message.replace("Invalid TOML document: ", "").split("\n");
    throw new ConfigError(`${shown}:${error.line}:${error.column}: not TOML: ${problem}`);
  }
}
