import { normalize, resolve } from "node:path";
import type { Ground } from "./ground.js";
import { type Place, placesOf, readingsOf } from "./paths.js";
import type { Bounds } from "./protected.js";

/** Places that may be named in texts that are not plain paths: `--file=/srv/x`, `a:/srv/x`. */
export interface Mentions {
  readonly places: readonly Place[];
  /** One of them cannot be resolved, or there are too many. */
  readonly doubtful: boolean;
}

/** Protected places that a call mentions. */
export interface Trespass {
  /** Why the call is refused. */
  readonly refusal: string | undefined;
  /** It names a folder that contains such a place, or an unknown place. */
  readonly doubtful: boolean;
}

const MAX_PATHS = 400;
const MAX_LENGTH = 4_096;
const MAX_FOLDERS = 16;
const MAX_TEXTS = 2_000;

/** Finds places in words that may be paths, relative to each of the folders. */
export async function mentionsIn(
  words: readonly string[],
  folders: readonly string[],
  ground: Ground,
): Promise<Mentions> {
  const paths = [...new Set(words.flatMap(pathsIn))];
  const looked = paths.slice(0, MAX_PATHS);
  const tooMuch =
    paths.length > MAX_PATHS ||
    folders.length >= MAX_FOLDERS ||
    words.some(({ length }) => length > MAX_LENGTH);
  const { places, doubtful } = await resolved(looked, folders, ground);
  return { places, doubtful: doubtful || tooMuch };
}

/**
 * Whether texts that are probably prose name a protected place after all: a file may have any name. Refused only if a link
 * leads there, since a program with `../` in it seems to climb out of its folder.
 */
export async function trespassOfProse(texts: readonly string[], ground: Ground): Promise<Trespass> {
  // A program may shorten a path before it opens it.
  const names = texts.map((text) => (text.length > MAX_LENGTH ? normalize(text) : text));
  const { bounds, cwd } = ground;
  const found = await resolved(
    names.filter(({ length }) => length <= MAX_LENGTH),
    [cwd],
    ground,
  );
  const linked = found.places.filter(({ written }) => !bounds.refusalOf({ written, real: written }));
  const { refusal } = trespassOf({ ...found, places: linked }, bounds);
  const any = trespassOf(found, bounds);
  return { refusal, doubtful: any.doubtful || any.refusal !== undefined };
}

async function resolved(
  paths: readonly string[],
  folders: readonly string[],
  { links }: Ground,
): Promise<Mentions> {
  const named = folders.flatMap((folder) => paths.map((path) => ({ path, folder })));
  await links.follow(named.flatMap(({ path, folder }) => readingsOf(path, folder)));
  const places = named.map(({ path, folder }) => placesOf(path, folder, links));
  return { places: places.flatMap((found) => found ?? []), doubtful: places.includes(undefined) };
}

/** Whether a call mentions a protected place. */
export function trespassOf({ places, doubtful }: Mentions, bounds: Bounds): Trespass {
  const refusal = places.map((place) => bounds.refusalOf(place)).find((found) => found !== undefined);
  const isAround = () => places.some((place) => bounds.refusalOfTree(place) !== undefined);
  return { refusal, doubtful: doubtful || isAround() };
}

/** Folders that relative paths may be resolved against after `cd`, in any order. */
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

/** All texts in an input, at any depth, including names; `whole` is false if there are too many. */
export function textsIn(input: unknown): { readonly texts: readonly string[]; readonly whole: boolean } {
  const texts: string[] = [];
  const open: unknown[] = [input];
  while (open.length > 0 && open.length < MAX_TEXTS && texts.length < MAX_TEXTS) {
    const value = open.pop();
    if (typeof value === "string") texts.push(value);
    else if (typeof value === "object" && value !== null) open.push(...Object.entries(value).flat());
  }
  return { texts, whole: open.length === 0 };
}

/** Whether a word is a file's URL that programs read differently: curl makes several of `[a-c]` and `{a,b}`. */
export function isLooseUrl(word: string): boolean {
  return /file:/i.test(word) && /[%[{\\]/.test(word);
}

function pathsIn(word: string): string[] {
  if (word.length > MAX_LENGTH) return [];
  return [...new Set([word, unescaped(word)])].flatMap(partsOf);
}

function partsOf(word: string): string[] {
  const afterOption = word.startsWith("-") ? word.slice(word.search(/[./~]|$/)) : word;
  const attached = /^-[A-Za-z](.+)/s.exec(word)?.[1] ?? "";
  // In a file's URL, programs ignore the host.
  const ofUrls = [...word.matchAll(/file:\/\/[^/]*(\/[^?#]*)/gi)].map(([, path = ""]) => path);
  // In other words, these signs are code or prose. curl ignores spaces around a form's file.
  const ofForms = /=[@<]|file:\//i.test(word) ? word.split(/[=:,@;<"?#{}]/) : [];
  const parts = [
    afterOption,
    attached,
    ...word.split(/[=:,@]/),
    ...ofUrls,
    ...ofForms.map((part) => part.trim()),
  ];
  return parts.filter((part) => part !== "" && !part.startsWith("-"));
}

/** The word as a URL means it. Anything that is not an escape is kept. */
function unescaped(word: string): string {
  return word.replace(/(?:%(?!00)[0-9a-f]{2})+/gi, (escapes) =>
    Buffer.from(escapes.replaceAll("%", ""), "hex").toString(),
  );
}
