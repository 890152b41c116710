import { readdirSync } from "node:fs";
import { relative, sep } from "node:path";
import { isWithin, type Place, realPath } from "./paths.js";
import type { ProtectedPaths } from "./types.js";

const OWN = "This is one of the gateway's own files: its configuration, its ledger or its logs.";
const OTHER = "This belongs to another session: stay in your own working directory.";
const HOLDS = "This folder holds files of the gateway or of other sessions: name a narrower one.";

/** The folders that the gateway makes are named after their sessions. */
const SESSION_FOLDER = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/** Why a place is out of bounds for a turn in this workdir, whatever the rules say; undefined if it is not. */
export function outOfBounds(place: Place, workdir: string, guarded: ProtectedPaths): string | undefined {
  const homes = spellings(workdir);
  for (const path of [place.written, place.real]) {
    const reason = ownFile(path, homes, guarded) ?? otherWorkdir(path, homes, guarded);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

/** Why all below a folder must not be searched; undefined if it may. */
export function holdsOutOfBounds(place: Place, workdir: string, guarded: ProtectedPaths): string | undefined {
  const root = place.real;
  if (guarded.own.flatMap(spellings).some((own) => isWithin(own, root))) return HOLDS;
  const bases = spellings(guarded.workdirs);
  const above = bases.some((base) => isWithin(base, root));
  // A one-shot task works in the base folder itself, which is nobody else's as long as no session has a folder there.
  const shared = bases.includes(root) && spellings(workdir).includes(root) && !hasSessions(root);
  return above && !shared ? HOLDS : undefined;
}

/** The protected folders and files, in every spelling, for a look into text that cannot be resolved. */
export function protectedSpellings({ own }: ProtectedPaths): string[] {
  return own.flatMap(spellings);
}

function ownFile(path: string, homes: readonly string[], { own }: ProtectedPaths): string | undefined {
  const isOwn = own
    .flatMap(spellings)
    .filter((folder) => isWithin(path, folder))
    // A workdir below the data folder is still a workdir.
    .some((folder) => !homes.some((home) => isWithin(home, folder) && isWithin(path, home)));
  return isOwn ? OWN : undefined;
}

function otherWorkdir(
  path: string,
  homes: readonly string[],
  { workdirs }: ProtectedPaths,
): string | undefined {
  for (const base of spellings(workdirs)) {
    if (path === base || !isWithin(path, base)) continue;
    const [first = ""] = relative(base, path).split(sep);
    const mine = homes.includes(base)
      ? !SESSION_FOLDER.test(first)
      : homes.some((home) => isWithin(path, home));
    if (!mine) return OTHER;
  }
  return undefined;
}

function spellings(path: string): string[] {
  return [...new Set([path, realPath(path) ?? path])];
}

function hasSessions(base: string): boolean {
  try {
    return readdirSync(base).some((name) => SESSION_FOLDER.test(name));
  } catch {
    return true;
  }
}
