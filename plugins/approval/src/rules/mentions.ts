import { resolve } from "node:path";
import { placeOf } from "./paths.js";
import type { Bounds } from "./protected.js";

/** What texts that are no plain paths say of places that are out of bounds. */
export interface Mentions {
  /** Why the call is refused. */
  readonly refusal: string | undefined;
  /** It names a folder around such a place, or one that cannot be followed, or more than is looked at. */
  readonly doubtful: boolean;
}

const MAX_PATHS = 400;
const MAX_LENGTH = 4_096;

/** Looks for places that are out of bounds in words that may be paths, or hold some: `--file=/srv/x`, `a:/srv/x`. */
export function mentionsIn(words: readonly string[], folders: readonly string[], bounds: Bounds): Mentions {
  const paths = [...new Set(words.flatMap(pathsIn))];
  let doubtful = paths.length > MAX_PATHS;
  for (const path of paths.slice(0, MAX_PATHS)) {
    for (const folder of folders) {
      const place = placeOf(path, folder);
      const refusal = place && bounds.refusalOf(place);
      if (refusal !== undefined) return { refusal, doubtful };
      if (/\/|^\.\.$|^~$/.test(path)) {
        doubtful ||= place ? bounds.refusalOfTree(place) !== undefined : isPerProcess(path);
      }
    }
  }
  return { refusal: undefined, doubtful };
}

/** Folders that relative paths may count from once the shell has been told to go there. */
export function foldersOf(commands: readonly (readonly (string | undefined)[])[], cwd: string): string[] {
  const folders = [cwd];
  for (const [name, ...rest] of commands) {
    if ((name !== "cd" && name !== "pushd") || folders.length > 8) continue;
    const target = rest.find((value) => value !== undefined && !value.startsWith("-"));
    if (target !== undefined) folders.push(resolve(folders.at(-1) ?? cwd, target));
  }
  return folders;
}

/** Every text in an input, at any depth. */
export function textsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

function pathsIn(word: string): string[] {
  if (word.length > MAX_LENGTH) return [];
  const afterOption = word.startsWith("-") ? word.slice(word.search(/[./~]|$/)) : word;
  return [afterOption, ...word.split(/[=:,@]/)].filter((part) => part !== "" && !part.startsWith("-"));
}

function isPerProcess(path: string): boolean {
  return /^\/(?:proc|dev\/fd)\b/.test(path);
}
