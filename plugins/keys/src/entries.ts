import type { PluginStore, StoreEntry } from "@claudeway/core";

/** All entries whose key begins with the prefix. */
export async function entriesIn(store: Pick<PluginStore, "list">, prefix: string): Promise<StoreEntry[]> {
  const found: StoreEntry[] = [];
  let after: string | undefined;
  do {
    const page = await store.list(prefix, after === undefined ? {} : { after });
    found.push(...page.entries);
    after = page.next;
  } while (after !== undefined);
  return found;
}
