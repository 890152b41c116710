import { opendir } from "node:fs/promises";
import { relative, sep } from "node:path";
import { isWithin, type Links } from "./links.js";
import type { Place } from "./paths.js";
import type { ProtectedPaths } from "./types.js";

const OWN = "This is one of the gateway's own files: its configuration, its ledger or its logs.";
const OTHER = "This belongs to another session. Stay in your own working directory.";
const HOLDS = "This folder contains files of the gateway or of other sessions. Use a more specific folder.";
const NAMES = "This names one of the gateway's own files: its configuration, its ledger or its logs.";

/** Folders that the gateway creates are named after their sessions. */
const SESSION_FOLDER = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/** Places that a turn in this workdir may not touch, whatever the rules say. Checks paths as written and as resolved. */
export class Bounds {
  readonly #own: readonly string[];
  readonly #bases: readonly string[];
  readonly #homes: readonly string[];

  private constructor(
    workdir: string,
    { own, workdirs }: ProtectedPaths,
    links: Links,
    /** Whether the base folder contains folders of sessions; checked only if the turn works in the base folder. */
    private readonly besideSessions: boolean,
  ) {
    const spellings = (path: string) => [...new Set([path, links.real(path) ?? path])];
    this.#own = own.flatMap(spellings);
    this.#bases = spellings(workdirs);
    this.#homes = spellings(workdir);
  }

  static async of(workdir: string, guarded: ProtectedPaths, links: Links): Promise<Bounds> {
    const { own, workdirs } = guarded;
    await links.follow([workdir, workdirs, ...own]);
    const home = links.real(workdir);
    const shared = home !== undefined && home === links.real(workdirs);
    return new Bounds(workdir, guarded, links, shared && (await hasSessions(workdirs)));
  }

  /** Why a place is protected; undefined if it is not. */
  refusalOf({ written, real }: Place): string | undefined {
    const paths = [...new Set([written, real])];
    if (paths.some((path) => this.#isOwn(path))) return OWN;
    return paths.some((path) => this.#isOthers(path)) ? OTHER : undefined;
  }

  /** Why a folder may not be searched recursively; undefined if it may. */
  refusalOfTree({ real }: Place): string | undefined {
    if (this.#own.some((own) => isWithin(own, real))) return HOLDS;
    if (!this.#bases.some((base) => isWithin(base, real))) return undefined;
    // A task works in the base folder itself, which it owns as long as no session has a folder there.
    const shared = this.#bases.includes(real) && this.#homes.includes(real);
    return shared && !this.besideSessions ? undefined : HOLDS;
  }

  /** Why a text in any language is refused: it contains one of the gateway's own paths. */
  refusalOfText(text: string): string | undefined {
    const own = this.#own.filter((path) => !this.#homes.some((home) => isWithin(home, path)));
    return own.some((path) => holdsPath(text, path)) ? NAMES : undefined;
  }

  #isOwn(path: string): boolean {
    // A workdir below the data folder is still a workdir.
    return this.#own.some(
      (own) =>
        isWithin(path, own) && !this.#homes.some((home) => isWithin(home, own) && isWithin(path, home)),
    );
  }

  #isOthers(path: string): boolean {
    return this.#bases.some((base) => {
      if (path === base || !isWithin(path, base)) return false;
      const [first = ""] = relative(base, path).split(sep);
      if (this.#homes.some((home) => isWithin(base, home))) return SESSION_FOLDER.test(first);
      return !this.#homes.some((home) => isWithin(path, home));
    });
  }
}

async function hasSessions(base: string): Promise<boolean> {
  try {
    for await (const { name } of await opendir(base)) if (SESSION_FOLDER.test(name)) return true;
    return false;
  } catch {
    // A folder that cannot be listed may contain some.
    return true;
  }
}

function holdsPath(text: string, path: string): boolean {
  for (let at = text.indexOf(path); at !== -1; at = text.indexOf(path, at + 1)) {
    if (!/[\w.-]/.test(text[at + path.length] ?? "")) return true;
  }
  return false;
}
