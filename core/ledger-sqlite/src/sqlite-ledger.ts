import { join } from "node:path";
import { type Ledger, LedgerError } from "@claudeway/ports";
import { ApprovalTable } from "./approvals.js";
import type { Database } from "./database.js";
import { GrantTable } from "./grants.js";
import { IdempotencyTable } from "./idempotency.js";
import { LEDGER_FILE } from "./lock.js";
import { MayHave } from "./may-have.js";
import { openDatabase } from "./open.js";
import { PluginStoreTable } from "./plugin-store.js";
import { PriceTable } from "./prices.js";
import { QuotaTable } from "./quota.js";
import { SessionTable } from "./sessions.js";
import { loadSqlite, type SqliteSource } from "./sqlite.js";
import { TotalsTable } from "./totals.js";
import { TurnTable } from "./turns.js";

export interface LedgerOptions {
  /** The folder of `ledger.sqlite`; created with mode 0700 if missing. */
  readonly dataDir: string;
  /** For tests: the implementation of SQLite (default: Node's own if available). */
  readonly sqlite?: SqliteSource;
}

/** The synchronous ledger; a benchmark uses it to write many turns in one transaction. */
export interface LedgerTables {
  readonly database: Database;
  readonly afterCrash: boolean;
  readonly sessions: SessionTable;
  readonly turns: TurnTable;
  readonly totals: TotalsTable;
  readonly prices: PriceTable;
  readonly idempotency: IdempotencyTable;
  readonly approvals: ApprovalTable;
  readonly grants: GrantTable;
  readonly pluginStore: PluginStoreTable;
  readonly quota: QuotaTable;
  checkFile(): void;
  close(): void;
}

export async function openTables({ dataDir, sqlite }: LedgerOptions): Promise<LedgerTables> {
  const { database, afterCrash, checkFile, close } = openDatabase(
    await loadSqlite(sqlite),
    join(dataDir, LEDGER_FILE),
  );
  const prices = new PriceTable(database);
  const totals = new TotalsTable(database);
  const unresolved = new MayHave(database, "SELECT 1 FROM approvals WHERE owed = 1 LIMIT 1");
  const quota = new QuotaTable(database);
  const turns = new TurnTable(database, totals, prices, unresolved, quota);
  return {
    database,
    afterCrash,
    sessions: new SessionTable(database),
    turns,
    totals,
    prices,
    idempotency: new IdempotencyTable(database),
    approvals: new ApprovalTable(database, unresolved),
    grants: new GrantTable(database),
    pluginStore: new PluginStoreTable(database),
    quota,
    checkFile,
    close,
  };
}

/**
 * Opens the ledger for this process exclusively. Rejects with a LedgerError of one line: in use by another gateway, damaged,
 * written by a newer version, or in a folder that is not writable.
 */
export async function openLedger(options: LedgerOptions): Promise<Ledger> {
  const tables = await openTables(options);
  const { afterCrash, sessions, turns, totals, prices, idempotency, approvals, grants, pluginStore, quota } =
    tables;
  idempotency.forgetUnbegun();
  let open = true;
  /** Every method returns a promise, although SQLite is synchronous, so that another ledger may be asynchronous. */
  const async =
    <Args extends unknown[], Result>(call: (...args: Args) => Result) =>
    async (...args: Args): Promise<Result> => {
      if (!open) throw new LedgerError("the ledger is closed");
      return call(...args);
    };

  return {
    afterCrash,
    sessions: {
      create: async((session) => sessions.create(session)),
      get: async((id) => sessions.get(id)),
      list: async((query) => sessions.list(query)),
      tasks: async((query) => sessions.tasks(query)),
      count: async((filter) => sessions.count(filter)),
      touch: async((id, at) => sessions.touch(id, at)),
      delete: async((id, at) => sessions.delete(id, at)),
      setCliTotals: async((id, cliTotals) => sessions.setCliTotals(id, cliTotals)),
      setModel: async((id, model) => sessions.setModel(id, model)),
      setBackground: async((id, running) => sessions.setBackground(id, running)),
      addLost: async((id, lost) => sessions.addLost(id, lost)),
      lost: async((id) => sessions.lost(id)),
      forgetLost: async((id, told) => sessions.forgetLost(id, told)),
      loseBackground: async(() => sessions.loseBackground()),
      uncharged: async(() => sessions.uncharged()),
      update: async((id, changes) => sessions.update(id, changes)),
      models: async(() => sessions.models()),
      byModel: async((id) => sessions.byModel(id)),
    },
    turns: {
      begin: async((turn) => turns.begin(turn)),
      noteProcess: async((turnId, child) => turns.noteProcess(turnId, child)),
      recordUsage: async((turnId, usage, child) => turns.recordUsage(turnId, usage, child)),
      end: async((turnId, outcome, ending) => turns.end(turnId, outcome, ending)),
      park: async((turnId, parking) => turns.park(turnId, parking)),
      unpark: async((turnId) => turns.unpark(turnId)),
      parked: async((sessionId) => turns.parked(sessionId)),
      markLost: async((turnId, lost) => turns.markLost(turnId, lost)),
      get: async((turnId) => turns.get(turnId)),
      response: async((turnId) => turns.response(turnId)),
      listBySession: async((sessionId, query) => turns.listBySession(sessionId, query)),
      running: async(() => turns.running()),
      endedLast: async((withinMs) => turns.endedLast(withinMs)),
    },
    totals: {
      overview: async(() => totals.overview()),
      byKey: async(() => totals.byKey()),
      costs: async((groupBy, limit) => totals.costs(groupBy, limit)),
    },
    prices: {
      estimateCost: async((model, tokens) => prices.estimateCost(model, tokens)),
      price: async((usage, beside) => prices.price(usage, beside)),
    },
    idempotency: {
      claim: async((claim) => idempotency.claim(claim)),
      release: async((claim) => idempotency.release(claim)),
      redirect: async((claim, turnId) => idempotency.redirect(claim, turnId)),
    },
    approvals: {
      ask: async((approval) => approvals.ask(approval)),
      settle: async((id, status, decision) => approvals.settle(id, status, decision)),
      get: async((id) => approvals.get(id)),
      list: async((query) => approvals.list(query)),
      expiring: async((by) => approvals.expiring(by)),
      nextExpiry: async(() => approvals.nextExpiry()),
      pending: async((of) => approvals.pending(of)),
      unresolved: async((sessionId) => approvals.unresolved(sessionId)),
      delivered: async((id) => approvals.delivered(id)),
      grant: async((grant) => grants.add(grant)),
      grantsFor: async((sessionId, tool) => grants.of(sessionId, tool)),
      grantById: async((id) => grants.get(id)),
      grants: async((query) => grants.list(query)),
      revoke: async((grantId, at) => grants.revoke(grantId, at)),
    },
    pluginStore: {
      get: async((plugin, key) => pluginStore.get(plugin, key)),
      write: async((plugin, write) => pluginStore.write(plugin, write)),
      list: async((plugin, query) => pluginStore.list(plugin, query)),
    },
    quota: {
      claim: async((plugin, turnId, claims) => quota.claim(plugin, turnId, claims)),
      settle: async((plugin, turnId, counter, actual) => quota.settle(plugin, turnId, counter, actual)),
      read: async((plugin, counters) => quota.read(plugin, counters)),
      reservedUsd: async((turnId) => quota.reservedUsd(turnId)),
      extend: async((turnId) => quota.extend(turnId)),
    },
    checkFile: async(() => tables.checkFile()),
    async close() {
      if (!open) return;
      open = false;
      tables.close();
    },
  };
}
