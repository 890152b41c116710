import { openLedger } from "#ledger-sqlite/sqlite-ledger.js";
import { ledgerContract } from "../ledger/contract.js";

describe("ledger in SQLite", () => {
  ledgerContract(openLedger);
});
