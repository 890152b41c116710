import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { nameOf } from "@claudeway/schemas";
import { parse, TomlError } from "smol-toml";
import { ConfigError } from "./errors.js";

/** A config file as read, before substitution and checks. */
export interface ConfigFile {
  /** Absolute. */
  readonly path: string;
  /** As the operator wrote it, for messages. */
  readonly shown: string;
  readonly tree: unknown;
}

const STANDARD = "./claudeway.toml";

/** A file that is to be read. */
export interface NamedFile {
  readonly path: string;
  /** The flag or variable that names it. */
  readonly by: string;
}

/** Reads the named file, else `./claudeway.toml` if it exists. */
export function readConfigFile(named: NamedFile | undefined, cwd: string): ConfigFile | undefined {
  const shown = nameOf(named?.path ?? STANDARD);
  const path = resolve(cwd, named?.path ?? STANDARD);
  const text = readFile(path, named === undefined ? shown : `${named.by}: ${shown}`, named !== undefined);
  return text === undefined ? undefined : { path, shown, tree: parseToml(text, shown) };
}

function readFile(path: string, where: string, isNamed: boolean): string | undefined {
  const bytes = readBytes(path, where, isNamed);
  try {
    return bytes === undefined ? undefined : new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new ConfigError(`${where}: must be UTF-8 text`);
  }
}

function readBytes(path: string, where: string, isNamed: boolean): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" && !isNamed) return undefined;
    if (code === "ENOENT") throw new ConfigError(`${where}: file not found`);
    if (code === "EISDIR") throw new ConfigError(`${where}: must be a file, got a directory`);
    throw new ConfigError(`${where}: cannot be read (${String(code)})`);
  }
}

function parseToml(text: string, shown: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // Only the first line: the rest quotes the file, which may contain secrets.
    const [problem = ""] = error.message.replace("Invalid TOML document: ", "").split("\n");
    throw new ConfigError(`${shown}:${error.line}:${error.column}: invalid TOML: ${problem}`);
  }
}
