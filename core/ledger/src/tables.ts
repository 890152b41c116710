import { ApprovalTable } from "./approvals.js";
import { AuditTable } from "./audit.js";
import { BackgroundTable } from "./background.js";
import { GrantTable } from "./grants.js";
import { IdempotencyTable } from "./idempotency.js";
import { KeyPlaceTable } from "./key-places.js";
import { MayHave } from "./may-have.js";
import { NodeTable } from "./nodes.js";
import { OwnerTable } from "./owners.js";
import { PluginStoreTable } from "./plugin-store.js";
import { PriceTable } from "./prices.js";
import { QuotaTable } from "./quota.js";
import { SessionTable } from "./sessions.js";
import { SharedTable } from "./shared.js";
import type { Sql } from "./sql.js";
import { TotalsTable } from "./totals.js";
import { TranscriptTable } from "./transcripts.js";
import { TurnTable } from "./turns.js";

/** The tables of a ledger. Their methods return work, which a database has to perform. */
export interface LedgerTables {
  readonly sessions: SessionTable;
  readonly background: BackgroundTable;
  readonly turns: TurnTable;
  readonly totals: TotalsTable;
  readonly prices: PriceTable;
  readonly idempotency: IdempotencyTable;
  readonly approvals: ApprovalTable;
  readonly grants: GrantTable;
  readonly pluginStore: PluginStoreTable;
  readonly quota: QuotaTable;
  readonly keyPlaces: KeyPlaceTable;
  readonly nodes: NodeTable;
  readonly owners: OwnerTable;
  readonly shared: SharedTable;
  readonly transcripts: TranscriptTable;
  readonly audit: AuditTable;
}

export function ledgerTables(sql: Sql): LedgerTables {
  const prices = new PriceTable(sql);
  const totals = new TotalsTable(sql);
  const unresolved = new MayHave(sql, "SELECT 1 FROM approvals WHERE owed = 1 LIMIT 1");
  const quota = new QuotaTable(sql);
  return {
    sessions: new SessionTable(sql),
    background: new BackgroundTable(sql),
    turns: new TurnTable(sql, totals, prices, unresolved, quota),
    totals,
    prices,
    idempotency: new IdempotencyTable(sql),
    approvals: new ApprovalTable(sql, unresolved),
    grants: new GrantTable(sql),
    pluginStore: new PluginStoreTable(sql),
    quota,
    keyPlaces: new KeyPlaceTable(sql),
    nodes: new NodeTable(sql),
    owners: new OwnerTable(sql),
    shared: new SharedTable(sql),
    transcripts: new TranscriptTable(sql),
    audit: new AuditTable(sql),
  };
}
