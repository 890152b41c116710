import type { Ledger } from "@claudeway/ports";

/** Opens the ledger of a folder, which a ledger in a database takes for a name. */
export type OpenLedger = (options: { readonly dataDir: string }) => Promise<Ledger>;
