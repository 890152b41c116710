import { randomBytes } from "node:crypto";
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ConfigError } from "@claudeway/config";
import { OWN_PREFIXES } from "@claudeway/core/host";
import { PluginLoader } from "@claudeway/kernel";
import { localPackages } from "./local-packages.js";
import { ownCommand } from "./own-command.js";

/** The template: a complete package, built and tested with this one. Its names are replaced by the new plugin's. */
const TEMPLATE = fileURLToPath(new URL("../templates/plugin", import.meta.url));
const NAME = /^[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*$/;
const LONGEST = 50;
const PACKAGE_PREFIX = "claudeway-plugin-";

/** Files that npm or the linter would interpret if the template had them under their real names. */
const RENAMED = [
  ["gitignore", ".gitignore"],
  ["biome.template.json", "biome.json"],
] as const;

/**
 * Writes a new plugin into the folder `name` below `cwd`, completely or not at all. Resolves to the text to print; rejects
 * with a `ConfigError` of one line if the name is invalid or in use.
 */
export async function createPlugin(name: string, cwd: string): Promise<string> {
  await checkName(name, cwd);
  const target = join(cwd, name);
  await takeFolder(target, name);
  const draft = join(cwd, `.${name}-${randomBytes(4).toString("hex")}`);
  try {
    await cp(TEMPLATE, draft, { recursive: true });
    for (const [from, to] of RENAMED) await rename(join(draft, from), join(draft, to));
    await fillIn(draft, name);
    await link(draft, localPackages(draft));
    // Replaces the empty folder.
    await rename(draft, target);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    await rm(target, { recursive: true, force: true });
    throw error;
  }
  const command = ownCommand(cwd, process.env);
  return canRun(target)
    ? `${name}: created and ready to run: ${command} --enable-plugin ./${name}\n${toWorkOn(name)}`
    : `${name}: created; to build and test it: cd ${name} && npm install && npm test\nTo run it after that: ${command} --enable-plugin ./${name}\n`;
}

function toWorkOn(name: string): string {
  return `To work on it: cd ${name} && npm install && npm test\n`;
}

/** Makes the packages of an installation that did not come from a registry the ones that the plugin is built with. */
async function link(folder: string, packages: Readonly<Record<string, string>>): Promise<void> {
  const file = join(folder, "package.json");
  let text = await readFile(file, "utf8");
  for (const [name, where] of Object.entries(packages)) {
    const given = new RegExp(`("devDependencies": \\{[^}]*"${name}": )"[^"]*"`);
    text = text.replace(given, (_all, before: string) => `${before}${JSON.stringify(where)}`);
  }
  await writeFile(file, text);
}

/** Whether its imports are installed in a parent folder, as they are beside a local gateway but not below a global one. */
function canRun(folder: string): boolean {
  const { resolve } = createRequire(join(folder, "package.json"));
  try {
    for (const imported of ["@claudeway/core/package.json", "@koa/router"]) resolve(imported);
    return true;
  } catch {
    return false;
  }
}

async function checkName(name: string, cwd: string): Promise<void> {
  if (name.startsWith(PACKAGE_PREFIX)) {
    throw new ConfigError(
      `create-plugin: ${name}: leave out "${PACKAGE_PREFIX}"; it is added to the name of the package`,
    );
  }
  if (!NAME.test(name) || name.length > LONGEST) {
    const shown = JSON.stringify(name.slice(0, LONGEST + 10));
    throw new ConfigError(
      `create-plugin: the name must have at most ${LONGEST} lower-case letters, digits and single hyphens or underscores, and begin with a letter; got ${shown}`,
    );
  }
  const { underscored, dashed } = formsOf(name);
  if (new PluginLoader({ cwd }).names().includes(underscored)) {
    throw new ConfigError(
      `create-plugin: ${name}: a plugin that comes with Claudeway has this name; choose another name`,
    );
  }
  if (OWN_PREFIXES.includes(`/${dashed}`)) {
    throw new ConfigError(`create-plugin: ${name}: the gateway itself uses /${dashed}; choose another name`);
  }
}

async function takeFolder(target: string, name: string): Promise<void> {
  try {
    await mkdir(target);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "EEXIST")
      throw new ConfigError(`create-plugin: ./${name} already exists; choose another name`);
    throw new ConfigError(`create-plugin: cannot create ./${name} (${String(code)})`);
  }
}

function formsOf(name: string) {
  const words = name.split(/[-_]/);
  const pascal = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
  return { dashed: words.join("-"), underscored: words.join("_"), pascal };
}

async function fillIn(folder: string, name: string): Promise<void> {
  const { dashed, underscored, pascal } = formsOf(name);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    const text = await readFile(file, "utf8");
    const filled = text
      .replaceAll("HelloWorld", pascal)
      .replaceAll("hello_world", underscored)
      .replaceAll("hello-world", dashed);
    if (filled !== text) await writeFile(file, filled);
  }
}
