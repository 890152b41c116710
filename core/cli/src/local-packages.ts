import { readFileSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative, sep } from "node:path";
import { isObject } from "@claudeway/schemas";

/** The packages of Claudeway that a plugin is built and tested with. */
const NAMES = ["@claudeway/core", "@claudeway/testing"] as const;
const { resolve } = createRequire(import.meta.url);

/**
 * Where npm finds this installation's packages, by name, for a plugin in `folder`: `file:` and the path of those that did
 * not come from a registry, as in a clone or from tarballs. Others are left out: their versions resolve.
 */
export function localPackages(folder: string): Readonly<Record<string, string>> {
  const found = NAMES.flatMap((name) => {
    const installed = installedFolder(name);
    return installed === undefined || isFromRegistry(name, installed) ? [] : [[name, installed] as const];
  });
  return Object.fromEntries(
    found.map(([name, home]) => [name, `file:${relative(realpathSync(folder), home)}`]),
  );
}

/** The real folder of a package; undefined if it is not installed. */
function installedFolder(name: string): string | undefined {
  try {
    return dirname(realpathSync(resolve(`${name}/package.json`)));
  } catch {
    return undefined;
  }
}

/** npm records where it found each package; other package managers only install from registries. */
function isFromRegistry(name: string, home: string): boolean {
  const inside = `${sep}node_modules${sep}`;
  if (!home.includes(inside)) return false;
  const root = home.slice(0, home.lastIndexOf(inside) + inside.length);
  const recorded = recordOf(`node_modules/${name}`, join(root, ".package-lock.json"));
  return recorded === undefined || /^https?:/.test(recorded);
}

function recordOf(path: string, file: string): string | undefined {
  try {
    const lock: unknown = JSON.parse(readFileSync(file, "utf8"));
    const { packages } = isObject(lock) ? lock : {};
    const entry = isObject(packages) ? packages[path] : undefined;
    const { resolved } = isObject(entry) ? entry : {};
    return typeof resolved === "string" ? resolved : undefined;
  } catch {
    // Not installed by npm.
    return undefined;
  }
}
