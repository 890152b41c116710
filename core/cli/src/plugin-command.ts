import { readFileSync } from "node:fs";
import { isIPv6 } from "node:net";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ConfigError, type LoadedConfig } from "@claudeway/config";
import type { CommandCall, CommandRequest, PluginManifest } from "@claudeway/kernel";
import { messageOf } from "@claudeway/ports";
import { isObject } from "@claudeway/schemas";
import { GENERATED_KEY_FILE } from "./generated-key.js";

export interface CommandSurroundings {
  readonly manifests: readonly PluginManifest[];
  readonly env: NodeJS.ProcessEnv;
}

/** Runs the command of a plugin. Resolves to the exit status; rejects with one line. */
export async function runPluginCommand(
  loaded: LoadedConfig,
  { manifests, env }: CommandSurroundings,
): Promise<number> {
  const { plugin = "", name = "" } = loaded.pluginCommand ?? {};
  const entry = manifests.find((one) => one.name === plugin)?.commands[name]?.entry;
  const module: unknown = await import(pathToFileURL(entry ?? "").href);
  const run = isObject(module) ? module["default"] : undefined;
  if (typeof run !== "function") {
    throw new ConfigError(`${name}: ${entry} must export a function as its default export`);
  }
  const abort = new AbortController();
  const interrupt = () => abort.abort(new Error("interrupted"));
  process.once("SIGINT", interrupt);
  try {
    const status: unknown = await run(callOf(loaded, env, abort.signal));
    return typeof status === "number" ? status : 0;
  } finally {
    process.off("SIGINT", interrupt);
  }
}

function callOf(loaded: LoadedConfig, env: NodeJS.ProcessEnv, signal: AbortSignal): CommandCall {
  const { pluginCommand, args } = loaded;
  const url = addressOf(loaded, env);
  const send = (path: string, { body, method = body === undefined ? "GET" : "POST" }: CommandRequest = {}) =>
    fetch(url + path, {
      method,
      signal,
      headers: {
        authorization: `Bearer ${secretOf(loaded, env)}`,
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    }).catch((error: unknown) => {
      signal.throwIfAborted();
      const hint = "start it, or set CLAUDEWAY_URL to its address";
      throw new ConfigError(`${pluginCommand?.name}: no gateway answers at ${url}; ${hint}`, {
        cause: error,
      });
    });
  return {
    args,
    url,
    signal,
    fetch: send,
    print: (text) => void process.stdout.write(text.endsWith("\n") ? text : `${text}\n`),
    request: async (path, options) => readAnswer(await send(path, options), loaded),
  };
}

async function readAnswer(response: Response, { pluginCommand }: LoadedConfig): Promise<unknown> {
  const text = await response.text();
  const body = parsed(text);
  if (response.ok) return body;
  const { error = `the gateway answered ${response.status}`, code } = isObject(body) ? body : {};
  const shown = typeof code === "string" ? ` [${code}]` : "";
  const isMissing = response.status === 404 && code === "NOT_FOUND";
  const hint = isMissing ? `; the plugin ${pluginCommand?.plugin} must be enabled in that gateway` : "";
  throw new Error(`${pluginCommand?.name}: ${String(error)}${shown}${hint}`);
}

function parsed(text: string): unknown {
  try {
    return text === "" ? undefined : JSON.parse(text);
  } catch {
    return text;
  }
}

/** CLAUDEWAY_URL, or where a gateway with this configuration listens. */
function addressOf({ config, pluginCommand }: LoadedConfig, env: NodeJS.ProcessEnv): string {
  const { CLAUDEWAY_URL: given = "" } = env;
  if (given !== "") return given.replace(/\/+$/, "");
  const { host, port } = config;
  if (port === 0) {
    throw new ConfigError(
      `${pluginCommand?.name}: the port of the gateway is unknown; set CLAUDEWAY_URL to its address`,
    );
  }
  const every = new Map([
    ["0.0.0.0", "127.0.0.1"],
    ["::", "::1"],
  ]);
  const address = every.get(host) ?? host;
  return `http://${isIPv6(address) ? `[${address}]` : address}:${port}`;
}

/** CLAUDEWAY_KEY, or the admin's configured or generated key. */
function secretOf({ config, keys, generated, pluginCommand }: LoadedConfig, env: NodeJS.ProcessEnv): string {
  const { CLAUDEWAY_KEY: given = "" } = env;
  const [admin] = keys;
  if (given !== "") return given;
  if (!generated && admin !== undefined) return admin.secret;
  try {
    return readFileSync(join(config.data_dir, GENERATED_KEY_FILE), "utf8").trim();
  } catch (error) {
    throw new ConfigError(
      `${pluginCommand?.name}: no key is configured; set CLAUDEWAY_KEY to the admin's key (${messageOf(error)})`,
    );
  }
}
