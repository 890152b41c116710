import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export const run = promisify(execFile);
export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const { workspaces }: { readonly workspaces: readonly string[] } = JSON.parse(
  readFileSync(join(ROOT, "package.json"), "utf8"),
);
/** The packages that are not plugins. */
const PACKAGES = workspaces.filter((folder) => folder !== "plugins/*");

/** What these tests read of a package.json. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly private?: boolean;
  readonly bin?: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** A package as it would be published. */
export interface Packed {
  /** Below the root of the project, `plugins/demo`. */
  readonly folder: string;
  readonly manifest: Manifest;
  /** Absolute path. */
  readonly tarball: string;
  /** Paths in the tarball, without `package/`. */
  readonly files: readonly string[];
}

/** The plugins that come with the gateway, by their own names. */
export function pluginNames(): string[] {
  return readdirSync(join(ROOT, "plugins"))
    .filter((name) => existsSync(join(ROOT, "plugins", name, "package.json")))
    .sort();
}

/** Whether a folder below the root is that of a plugin. */
export function isPlugin(folder: string): boolean {
  return pluginNames().some((name) => folder === `plugins/${name}`);
}

/** Packs every package of the project, as built, into tarballs in `target`. */
export async function packAll(target: string): Promise<Packed[]> {
  const folders = [...PACKAGES, ...pluginNames().map((name) => `plugins/${name}`)];
  const chosen = folders.flatMap((folder) => ["-w", folder]);
  const words = ["pack", "--json", "--ignore-scripts", "--pack-destination", target, ...chosen];
  const { stdout } = await run("npm", words, { cwd: ROOT, maxBuffer: 16 * 1024 * 1024 });
  const packed: { name: string; filename: string; files: { path: string }[] }[] = JSON.parse(stdout);
  return folders.map((folder) => {
    const manifest = readManifest(join(ROOT, folder));
    const one = packed.find(({ name }) => name === manifest.name);
    if (one === undefined) throw new Error(`npm packed no ${manifest.name}`);
    const files = one.files.map(({ path }) => path);
    return { folder, manifest, tarball: join(target, one.filename), files };
  });
}

/**
 * Installs the tarballs into `target` as npm would, without asking a registry: each is unpacked, and what it declares,
 * no more, is linked from the project's own install.
 */
export async function installPacked(packed: readonly Packed[], target: string): Promise<void> {
  for (const { folder, manifest, tarball } of packed) {
    const home = await unpack(tarball, join(target, "node_modules", manifest.name));
    for (const name of Object.keys(manifest.dependencies ?? {})) {
      if (!name.startsWith("@claudeway/")) linkFrom(join(ROOT, folder), name, home);
    }
  }
}

/** Unpacks a tarball of npm's; resolves to the folder. */
export async function unpack(tarball: string, folder: string): Promise<string> {
  mkdirSync(folder, { recursive: true });
  await run("tar", ["-xzf", tarball, "-C", folder, "--strip-components=1"]);
  return folder;
}

/** Puts the package that `from` would import into the `node_modules` of `into`. */
export function linkFrom(from: string, name: string, into: string): void {
  const link = join(into, "node_modules", name);
  mkdirSync(dirname(link), { recursive: true });
  symlinkSync(installedAt(from, name), link);
}

function installedAt(from: string, name: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, "node_modules", name);
    if (existsSync(candidate)) return candidate;
    if (folder === dirname(folder)) throw new Error(`${name} is not installed at or above ${from}`);
  }
}

export function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
}
