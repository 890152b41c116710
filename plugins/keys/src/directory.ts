import {
  type Caller,
  type KeyLimit,
  type PluginScope,
  type PluginStore,
  Refusal,
  type StoreChange,
} from "@claudeway/core";
import type { OnRevoke } from "./config.js";
import { entriesIn } from "./entries.js";
import type { KeySettings } from "./fields.js";
import { readKey, stateOf, type VirtualKey } from "./key.js";
import { createKeyId } from "./key-id.js";
import { createSecret, digestOf, SecretIndex } from "./secret.js";
import { CHANGED, KEY, Tombstones } from "./tombstones.js";

/** What a deleted key may do: turns that plugins begin for it are refused, and what is parked goes on alone. */
const NOTHING: KeyLimit = { maxRunning: 1, workdirs: [], allow: [] };

export interface DirectoryOptions {
  readonly store: Pick<PluginStore, "list" | "write">;
  readonly log: Pick<PluginScope["log"], "warn" | "error">;
  readonly maxKeys: number;
  /** The ids of configured keys, in lower case. */
  readonly configured: ReadonlySet<string>;
}

/** A key whose secret is shown, once. */
export interface Issued {
  readonly key: VirtualKey;
  readonly secret: string;
}

export interface Deletion {
  /** What the admin says about its turns; undefined: what was said before holds. */
  readonly onRevoke?: OnRevoke | undefined;
  /** The key may have been deleted before: its turns could not be interrupted then. */
  readonly again?: boolean;
  /** Written with it. */
  readonly also?: readonly StoreChange[];
}

interface Known {
  readonly key: VirtualKey;
  /** Of its entry in the store. */
  readonly version: number;
}

/**
 * The keys that were made at run time. All of them are in memory, so that a request costs no look into the store; each
 * change is in the store before it takes effect. Changes run one by one.
 */
export class KeyDirectory {
  readonly #known = new Map<string, Known>();
  readonly #secrets = new SecretIndex();
  readonly #deleted: Tombstones;
  #changes: Promise<unknown> = Promise.resolve();
  #closed = false;

  private constructor(private readonly options: DirectoryOptions) {
    this.#deleted = new Tombstones(options.store);
  }

  /** Reads all keys from the store. */
  static async load(options: DirectoryOptions): Promise<KeyDirectory> {
    const directory = new KeyDirectory(options);
    await directory.#load();
    return directory;
  }

  /** Another gateway changed keys: reads them again. */
  reload(): Promise<void> {
    return this.#change(() => this.#load());
  }

  async #load(): Promise<void> {
    await this.#deleted.load();
    const found = await entriesIn(this.options.store, KEY);
    // In one step, so that no request finds a key missing.
    for (const { key } of [...this.#known.values()]) this.#forget(key);
    for (const { key, value, version } of found) this.#admit(key.slice(KEY.length), value, version);
  }

  #admit(id: string, value: unknown, version: number): void {
    const { configured, log } = this.options;
    const key = readKey(id, value);
    if (key === undefined) log.error({ key_id: id }, "a stored key is not valid and stays unknown");
    else if (configured.has(id.toLowerCase()))
      log.warn({ key_id: id }, "a configured key has the id of a stored key, which stays unknown");
    else this.#keep(key, version);
  }

  /** The key, unless it was deleted. */
  get(id: string): VirtualKey | undefined {
    return this.#known.get(id)?.key;
  }

  isDeleted(id: string): boolean {
    return this.#deleted.has(id);
  }

  /** What the admin said about the turns of a key that is disabled or deleted; undefined: `on_revoke` holds. */
  onRevokeOf(id: string): OnRevoke | undefined {
    const key = this.get(id);
    return key === undefined ? this.#deleted.onRevokeOf(id) : key.onRevoke;
  }

  /** The newest first. */
  list(): readonly VirtualKey[] {
    return [...this.#known.values()].map(({ key }) => key).sort(newestFirst);
  }

  /** Whose secret this is; a refusal for a key that is out; undefined for other secrets. */
  authenticate(secret: string): Caller | Refusal | undefined {
    const found = this.#secrets.find(secret);
    if (found === undefined || (found.until !== undefined && found.until <= Date.now())) return undefined;
    const { key } = found;
    const state = stateOf(key);
    return state === "active" ? { keyId: key.id, admin: false } : refusalOf(state);
  }

  /** What a key may do; undefined for keys that are not of this plugin. */
  limitOf(id: string): KeyLimit | undefined {
    const settings = this.get(id)?.settings;
    if (settings === undefined) return this.isDeleted(id) ? NOTHING : undefined;
    const { max_running: maxRunning, workdirs, allow, tags } = settings;
    return { maxRunning, workdirs, allow, tags };
  }

  /** Throws a `Refusal` (409) if there are too many keys. */
  create(settings: KeySettings, createdBy: string): Promise<Issued> {
    return this.#change(async () => {
      const { maxKeys, store } = this.options;
      if (this.#known.size >= maxKeys)
        throw new Refusal(409, `there may be at most ${maxKeys} keys ([plugins.keys] max_keys); delete some`);
      const secret = createSecret();
      const key: VirtualKey = {
        id: this.#freeId(settings.name),
        settings,
        enabled: true,
        secrets: [{ digest: digestOf(secret).toString("hex"), until: null }],
        createdAt: new Date().toISOString(),
        createdBy,
      };
      const entry = { key: KEY + key.id, value: storedValue(key), expected: null };
      const result = await store.write([entry, CHANGED]);
      if (!result.ok) throw new Refusal(409, "the store of keys is full; delete some");
      this.#keep(key, result.versions[0] ?? 0);
      return { key, secret };
    });
  }

  /** `also` is written with it. Throws a `Refusal` (404) for an unknown key. `change` may throw one too. */
  update(
    id: string,
    change: (key: VirtualKey) => Partial<VirtualKey>,
    also: readonly StoreChange[] = [],
  ): Promise<VirtualKey> {
    return this.#change(() => this.#update(id, change, also));
  }

  /** Gives the key a new secret. The one before ends after the grace period, an earlier one at once. */
  rotate(id: string, graceSecs: number): Promise<Issued> {
    return this.#change(async () => {
      const secret = createSecret();
      const until = new Date(Date.now() + graceSecs * 1000).toISOString();
      const key = await this.#update(id, ({ secrets: [current] }) => {
        const before = current === undefined || graceSecs === 0 ? [] : [{ ...current, until }];
        return { secrets: [{ digest: digestOf(secret).toString("hex"), until: null }, ...before] };
      });
      return { key, secret };
    });
  }

  /** Its id stays known, and is never given again. Throws a `Refusal` (404) for an unknown key. */
  delete(id: string, deletion: Deletion = {}): Promise<void> {
    return this.#change(async () => {
      if (await this.#delete(id, deletion)) return;
      await this.#load();
      if (!(await this.#delete(id, deletion))) throw changedMeanwhile(id);
    });
  }

  async #delete(
    id: string,
    { onRevoke = this.onRevokeOf(id), again = false, also = [] }: Deletion,
  ): Promise<boolean> {
    const known = again && this.isDeleted(id) ? undefined : this.#existing(id);
    if (!(await this.#deleted.bury(id, { version: known?.version ?? null, onRevoke, also }))) return false;
    if (known !== undefined) this.#forget(known.key);
    return true;
  }

  /** Refuses further changes, and resolves when those that began have ended. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#changes;
  }

  async #update(
    id: string,
    change: (key: VirtualKey) => Partial<VirtualKey>,
    also: readonly StoreChange[] = [],
  ): Promise<VirtualKey> {
    const changed = await this.#changed(id, change, also);
    if (changed !== undefined) return changed;
    // Another gateway has changed it: once more, from what it is now.
    await this.#load();
    const again = await this.#changed(id, change, also);
    if (again === undefined) throw changedMeanwhile(id);
    return again;
  }

  /** Undefined if the entry in the store has another version than the known one. */
  async #changed(
    id: string,
    change: (key: VirtualKey) => Partial<VirtualKey>,
    also: readonly StoreChange[],
  ): Promise<VirtualKey | undefined> {
    const { key, version } = this.#existing(id);
    const changed = { ...key, ...change(key) };
    const entry = { key: KEY + id, value: storedValue(changed), expected: version };
    const result = await this.options.store.write([entry, CHANGED, ...also]);
    if (!result.ok) return undefined;
    this.#forget(key);
    this.#keep(changed, result.versions[0] ?? 0);
    return changed;
  }

  #existing(id: string): Known {
    const known = this.#known.get(id);
    if (known === undefined) throw new Refusal(404, "no such key");
    return known;
  }

  #keep(key: VirtualKey, version: number): void {
    this.#known.set(key.id, { key, version });
    for (const { digest, until } of key.secrets) {
      this.#secrets.add({
        digest: Buffer.from(digest, "hex"),
        key,
        until: until === null ? undefined : Date.parse(until),
      });
    }
  }

  #forget(key: VirtualKey): void {
    this.#known.delete(key.id);
    for (const { digest } of key.secrets) this.#secrets.remove(Buffer.from(digest, "hex"));
  }

  #freeId(name: string): string {
    for (;;) {
      const id = createKeyId(name);
      if (!this.#known.has(id) && !this.isDeleted(id) && !this.options.configured.has(id)) return id;
    }
  }

  #change<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#changes.then(() => {
      if (this.#closed) throw new Refusal(409, "the plugin keys is being disabled; try again");
      return change();
    });
    // Its caller gets the error; the next change runs regardless.
    this.#changes = result.catch(() => undefined);
    return result;
  }
}

/** The refusal of a request with the secret of such a key. */
function refusalOf(state: "disabled" | "expired"): Refusal {
  const problem = state === "disabled" ? "this key is disabled" : "this key has expired";
  return new Refusal(401, problem);
}

function changedMeanwhile(id: string): Refusal {
  return new Refusal(409, `the key ${id} is being changed by something else; try again`);
}

function storedValue({ id: _, ...value }: VirtualKey): object {
  return value;
}

function newestFirst(one: VirtualKey, other: VirtualKey): number {
  if (one.createdAt === other.createdAt) return one.id < other.id ? -1 : 1;
  return one.createdAt < other.createdAt ? 1 : -1;
}
