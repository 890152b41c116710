import { hash, randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Module } from "./source.js";

/** A branch at a commit. */
export interface Head {
  readonly branch: string;
  readonly commit: string;
}

/** A repository of one key, as it was last synced. */
export interface RepoRecord extends Head {
  /** `host/owner/name`. */
  readonly name: string;
  readonly keyId: string;
  readonly url: string;
  /** The folder with its files. */
  readonly path: string;
  /** ISO 8601, UTC. */
  readonly syncedAt: string;
  /** Whether the last sync was asked for submodules. */
  readonly submodules?: boolean;
  /** The submodules that are checked out, outer ones first. */
  readonly modules?: readonly Module[];
  /** Set while the files are being changed to another commit: a sync that was killed is finished by the next one. */
  readonly updating?: Head & { readonly modules?: readonly Module[] };
}

/**
 * What is known of each key's repositories: a file and a bare repository for each, in the plugin's own folder. Claude
 * has no access to it, so that neither can be forged by what runs in a checkout.
 */
export class RepoRecords {
  readonly #known = new Map<string, RepoRecord>();

  private constructor(private readonly folder: string) {}

  static async open(folder: string): Promise<RepoRecords> {
    const records = new RepoRecords(folder);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const entry of await readdir(folder)) await records.#load(entry);
    return records;
  }

  /** Those of a key, or of all, by name. */
  list(keyId?: string): RepoRecord[] {
    const mine = [...this.#known.values()].filter((record) => keyId === undefined || record.keyId === keyId);
    return mine.sort((one, other) => (one.name < other.name ? -1 : 1));
  }

  get(keyId: string, name: string): RepoRecord | undefined {
    return this.#known.get(idOf(keyId, name));
  }

  /** The bare repository that is fetched into. It may not exist yet. */
  mirrorOf(keyId: string, name: string): string {
    return join(this.folder, idOf(keyId, name), "mirror.git");
  }

  /** The folder of the bare repositories of its submodules. */
  modulesOf(keyId: string, name: string): string {
    return join(this.folder, idOf(keyId, name), "modules");
  }

  async save(record: RepoRecord): Promise<void> {
    const id = idOf(record.keyId, record.name);
    const file = join(this.folder, id, "record.json");
    const partial = `${file}.${randomUUID()}`;
    await writeFile(partial, JSON.stringify(record), { mode: 0o600 });
    await rename(partial, file);
    this.#known.set(id, record);
  }

  async remove(keyId: string, name: string): Promise<void> {
    const id = idOf(keyId, name);
    this.#known.delete(id);
    await rm(join(this.folder, id), { recursive: true, force: true });
  }

  /** A folder without a readable record is what a sync left that was killed: it goes. */
  async #load(id: string): Promise<void> {
    const folder = join(this.folder, id);
    const record = recordIn(await textOf(join(folder, "record.json")));
    if (record !== undefined && idOf(record.keyId, record.name) === id) this.#known.set(id, record);
    else await rm(folder, { recursive: true, force: true });
  }
}

/** Empty if the file does not exist. Any other fault may pass, so it rejects, and the repository stays. */
async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") return "";
    throw error;
  }
}

function recordIn(json: string): RepoRecord | undefined {
  try {
    const record: RepoRecord | null = JSON.parse(json);
    return record ?? undefined;
  } catch {
    return undefined;
  }
}

function idOf(keyId: string, name: string): string {
  return hash("sha256", `${keyId}\n${name}`).slice(0, 32);
}
