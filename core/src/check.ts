import { accessSync, constants, existsSync } from "node:fs";
import { createServer } from "node:net";
import { dirname } from "node:path";
import type { LoadedConfig } from "@claudeway/config";
import { selectionOf } from "./control.js";
import { childEnvironment } from "./engine/environment.js";
import { findClaude, versionOf } from "./engine/executable.js";
import { askLogin } from "./engine/login.js";
import { messageOf } from "./errors.js";
import { Kernel } from "./kernel/kernel.js";
import { openLog } from "./log.js";
import { choosePosture } from "./posture.js";

/** One thing that was looked at: what was found, or why the gateway would not start. */
export interface CheckLine {
  readonly name: string;
  readonly ok: boolean;
  readonly text: string;
}

/** Looks at all that a start depends on, in the order of a start, and starts nothing. */
export async function checkAll(
  loaded: LoadedConfig,
  env: NodeJS.ProcessEnv,
  cwd: string,
): Promise<CheckLine[]> {
  const { config, file } = loaded;
  const checks: readonly (readonly [string, () => Promise<string> | string])[] = [
    ["configuration", () => file ?? "no file; flags and variables only"],
    [
      "keys",
      () =>
        loaded.generated
          ? "none given; one will be generated at each start"
          : loaded.keys.map(({ id }) => id).join(", "),
    ],
    ["plugins", () => checkPlugins(loaded, cwd)],
    ["claude", () => checkClaude(config.claude_bin)],
    ["login", () => checkLogin(loaded, env)],
    ["permissions", () => choosePosture(config.no_permissions_bypass, env).line],
    ["data folder", () => checkFolder(config.data_dir, "--data-dir (DATA_DIR)")],
    ["log folder", () => checkFolder(config.log_dir, "--log-dir (LOG_DIR)")],
    ["work folder", () => checkFolder(config.workdir, "--workdir (CLAUDE_WORKDIR)")],
    ["port", () => checkPort(config.host, config.port)],
  ];
  const lines: CheckLine[] = [];
  for (const [name, check] of checks) lines.push(await lineOf(name, check));
  return lines;
}

export function formatChecks(lines: readonly CheckLine[]): string {
  const width = Math.max(...lines.map(({ name }) => name.length));
  return lines
    .map(({ name, ok, text }) => `${ok ? "ok  " : "FAIL"} ${name.padEnd(width)}  ${text}\n`)
    .join("");
}

async function lineOf(name: string, check: () => Promise<string> | string): Promise<CheckLine> {
  try {
    return { name, ok: true, text: await check() };
  } catch (error) {
    return { name, ok: false, text: messageOf(error).split("\n", 1)[0] ?? "" };
  }
}

async function checkPlugins(loaded: LoadedConfig, cwd: string): Promise<string> {
  const kernel = new Kernel({ log: openLog("error", loaded.secrets), cwd });
  const checked = await kernel.check(selectionOf(loaded));
  await kernel.close();
  return checked.map(({ name }) => name).join(", ") || "none";
}

async function checkClaude(configured: string | undefined): Promise<string> {
  const claude = findClaude(configured);
  return `${await versionOf(claude)} (${claude.path})`;
}

async function checkLogin(
  { config, secretEnv, secrets }: LoadedConfig,
  env: NodeJS.ProcessEnv,
): Promise<string> {
  const login = await askLogin(findClaude(config.claude_bin).path, childEnvironment(env, secretEnv, secrets));
  if (login !== undefined) return login;
  throw new Error("claude is not logged in: run `claude` and type /login, or set ANTHROPIC_API_KEY");
}

function checkFolder(folder: string, flag: string): string {
  let existing = folder;
  while (!existsSync(existing)) existing = dirname(existing);
  try {
    accessSync(existing, constants.W_OK);
  } catch {
    throw new Error(`${flag}: ${existing} can't be written by this user`);
  }
  return existing === folder ? folder : `${folder} (will be made)`;
}

function checkPort(host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(new Error(`--port (PORT): ${host}:${port} can't be opened: ${error.code ?? error.message}`));
    });
    server.listen(port, host, () =>
      server.close(() => resolve(port === 0 ? "any free one" : `${host}:${port} is free`)),
    );
  });
}
