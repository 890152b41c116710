import type { Scope } from "@claudeway/core";

/** What the chat needs of the plugin, while this gateway leads: its signal is aborted at the end of that. */
export type ChatScope = Pick<
  Scope<"turns" | "approvals" | "keys">,
  "approvals" | "keys" | "ledger" | "log" | "notice" | "sessions" | "shared" | "signal" | "store" | "turns"
>;
