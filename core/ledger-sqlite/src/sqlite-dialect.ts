import type { Dialect } from "@claudeway/ledger";

/** A transaction that writes has the file for itself, so no row has to be locked. */
export const SQLITE: Dialect = {
  begin: "BEGIN IMMEDIATE",
  now: "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
  forUpdate: "",
  forShare: "",
  alone: true,
};
