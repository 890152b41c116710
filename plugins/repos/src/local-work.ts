import { constants } from "node:fs";
import { lstat, open, readdir } from "node:fs/promises";
import { join } from "node:path";

/** Files of refs that are read at most, and bytes of each. */
const MAX_REFS = 1000;
const MAX_BYTES = 1024 * 1024;

/**
 * Whether a checkout's `.git` has commits, branches or stashes beside the branch that was checked out. Reads its files as
 * text and follows no links: git itself must not be run on it. What can't be read counts as local work; a missing `.git`
 * has none.
 */
export async function hasLocalWork(
  gitFolder: string,
  { branch, commit }: { readonly branch?: string | undefined; readonly commit: string },
): Promise<boolean> {
  const found = await lstat(gitFolder).catch(() => undefined);
  if (found === undefined) return false;
  if (!found.isDirectory()) return true;
  try {
    const refs = new Map(await packedRefs(join(gitFolder, "packed-refs")));
    for (const [name, value] of await looseRefs(gitFolder, "refs/heads")) refs.set(name, value);
    const stash = await readText(join(gitFolder, "refs/stash"));
    if (stash !== undefined) refs.set("refs/stash", stash);
    const head = await readText(join(gitFolder, "HEAD"));
    const atBranch = branch !== undefined && head === `ref: refs/heads/${branch}`;
    if (!atBranch && head !== commit) return true;
    return [...refs].some(
      ([name, value]) =>
        (name.startsWith("refs/heads/") && (name !== `refs/heads/${branch}` || value !== commit)) ||
        name === "refs/stash",
    );
  } catch {
    return true;
  }
}

async function packedRefs(file: string): Promise<[name: string, value: string][]> {
  const lines = ((await readText(file)) ?? "").split("\n");
  return lines.flatMap((line) => {
    const [, value, name] = /^([0-9a-f]{40,64}) (\S+)$/.exec(line) ?? [];
    return value === undefined || name === undefined ? [] : [[name, value]];
  });
}

async function looseRefs(gitFolder: string, under: string): Promise<[name: string, value: string][]> {
  const refs: [string, string][] = [];
  const folders = [under];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of await readdir(join(gitFolder, folder), { withFileTypes: true }).catch(none)) {
      const name = `${folder}/${entry.name}`;
      if (refs.length + folders.length > MAX_REFS) throw new Error("too many refs");
      if (entry.isDirectory()) folders.push(name);
      else if (entry.isFile()) refs.push([name, (await readText(join(gitFolder, name))) ?? ""]);
      else throw new Error("neither a file nor a folder");
    }
  }
  return refs;
}

function none(error: NodeJS.ErrnoException): [] {
  if (error.code === "ENOENT") return [];
  throw error;
}

/** Undefined if there is no such file. Never waits on a pipe, and never follows a link. */
async function readText(path: string): Promise<string | undefined> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(none);
  if (Array.isArray(file)) return undefined;
  try {
    const { size } = await file.stat();
    if (!(await file.stat()).isFile() || size > MAX_BYTES) throw new Error("not a small file");
    return (await file.readFile("utf8")).trim();
  } finally {
    await file.close();
  }
}
