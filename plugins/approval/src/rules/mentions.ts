import { resolve } from "node:path";
import { placesOf } from "./paths.js";
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
const MAX_FOLDERS = 16;

/** Looks for places that are out of bounds in words that may be paths, or hold some: `--file=/srv/x`, `a:/srv/x`. */
export function mentionsIn(words: readonly string[], folders: readonly string[], bounds: Bounds): Mentions {
  const paths = [...new Set(words.flatMap(pathsIn))];
  let doubtful = paths.length > MAX_PATHS || folders.length >= MAX_FOLDERS;
  for (const path of paths.slice(0, MAX_PATHS)) {
    for (const folder of folders) {
      const places = placesOf(path, folder);
      doubtful ||= places === undefined;
      for (const place of places ?? []) {
        const refusal = bounds.refusalOf(place);
        if (refusal !== undefined) return { refusal, doubtful };
        doubtful ||= bounds.refusalOfTree(place) !== undefined;
      }
    }
  }
  return { refusal: undefined, doubtful };
}

/** Folders that relative paths may count from once the shell has been told to go there, in whatever order it does. */
export function foldersOf(commands: readonly (readonly (string | undefined)[])[], cwd: string): string[] {
  const folders = new Set([cwd]);
  for (const [name, ...rest] of commands) {
    if (name !== "cd" && name !== "pushd") continue;
    const target = rest.find((value) => value !== undefined && !value.startsWith("-"));
    if (target !== undefined) for (const folder of [...folders]) folders.add(resolve(folder, target));
    if (folders.size >= MAX_FOLDERS) break;
  }
  return [...folders].slice(0, MAX_FOLDERS);
}

/** Every text in an input, at any depth. */
export function textsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

function pathsIn(word: string): string[] {
  if (word.length > MAX_LENGTH) return [];
  const afterOption = word.startsWith("-") ? word.slice(word.search(/[./~]|$/)) : word;
  const attached = /^-[A-Za-z](.+)/s.exec(word)?.[1] ?? "";
  const parts = [afterOption, attached, ...word.split(/[=:,@]/)];
  return parts.filter((part) => part !== "" && !part.startsWith("-"));
}
