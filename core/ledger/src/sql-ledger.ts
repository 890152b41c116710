import { type Ledger, LedgerError, type NodeStart, type TurnInfo, type TurnUsage } from "@claudeway/ports";
import type { Work } from "./sql.js";
import type { LedgerTables } from "./tables.js";

/** The order of the work by which a node proves that it lives, and sees others do: nothing else may hold it up. */
export const BEATS = "beats";

/** What performs the work of a ledger's tables. */
export interface Database {
  /** True: the previous gateway did not close the ledger. */
  readonly afterCrash: boolean;
  /**
   * @param work is called again if the work has to be repeated; nothing of it was then written before
   * @param order pieces with the same one are performed in the order of their calls
   */
  perform<T>(work: () => Work<T>, order?: string): Promise<T>;
  /** Rejects with a LedgerError if the ledger can no longer be used. */
  check(): Promise<void>;
  close(): Promise<void>;
}

/** The ledger of these tables, performed by this database. After `close`, every method rejects. */
export function ledgerOf(tables: LedgerTables, database: Database): Ledger {
  const {
    sessions,
    background,
    turns,
    totals,
    prices,
    idempotency,
    approvals,
    grants,
    pluginStore,
    quota,
    keyPlaces,
    nodes,
    owners,
    shared,
    transcripts,
    audit,
  } = tables;
  let open = true;
  // Not `async`: a turn performs some twenty pieces of work, and passing each promise on would cost as much as a short one.
  const perform = <Result>(work: () => Work<Result>, order?: string): Promise<Result> =>
    open ? database.perform(work, order) : Promise.reject(new LedgerError("the ledger is closed"));
  const performed =
    <Args extends unknown[], Result>(call: (...args: Args) => Work<Result>) =>
    (...args: Args): Promise<Result> =>
      perform(() => call(...args));
  const beating =
    <Args extends unknown[], Result>(call: (...args: Args) => Work<Result>) =>
    (...args: Args): Promise<Result> =>
      perform(() => call(...args), BEATS);
  /** Work for what the first argument names: callers need not wait for one piece before they call for the next. */
  const inOrder =
    <Args extends [string | { readonly id: string }, ...unknown[]], Result>(
      call: (...args: Args) => Work<Result>,
    ) =>
    (...args: Args): Promise<Result> => {
      const [of] = args;
      return perform(() => call(...args), typeof of === "string" ? of : of.id);
    };
  /** Not before what this gateway has yet to write of the session. */
  const release = inOrder((sessionId: string, by: NodeStart, epoch: number) =>
    owners.release(by, sessionId, epoch),
  );
  let reportPriced: (turn: TurnInfo, usage: TurnUsage) => void = () => undefined;
  /** Reports what the end of a turn has priced, after it is committed. */
  const reporting =
    <Args extends [string, ...unknown[]], Result>(end: (...args: Args) => Promise<Result>) =>
    async (...args: Args): Promise<Result> => {
      const result = await end(...args);
      for (const [turn, usage] of turns.takePriced(args[0])) reportPriced(turn, usage);
      return result;
    };

  return {
    afterCrash: database.afterCrash,
    sessions: {
      create: inOrder((session, at) => sessions.create(session, at)),
      get: inOrder((id) => sessions.get(id)),
      list: performed((query) => sessions.list(query)),
      tasks: performed((query) => sessions.tasks(query)),
      delete: inOrder((id, at) => sessions.delete(id, at)),
      setCliTotals: inOrder((id, cliTotals, claim) => sessions.setCliTotals(id, cliTotals, claim)),
      setModel: inOrder((id, model, claim) => sessions.setModel(id, model, claim)),
      setBackground: inOrder((id, running, claim) => background.setBackground(id, running, claim)),
      addLost: inOrder((id, lost, claim) => background.addLost(id, lost, claim)),
      lost: inOrder((id) => background.lost(id)),
      forgetLost: inOrder((id, told, claim) => background.forgetLost(id, told, claim)),
      loseBackground: performed((id) => background.loseBackground(id)),
      uncharged: performed(() => sessions.uncharged()),
      update: inOrder((id, changes) => sessions.update(id, changes)),
      models: performed(() => sessions.models()),
      byModel: inOrder((id) => sessions.byModel(id)),
    },
    turns: {
      begin: inOrder((turn, claim, key) => turns.begin(turn, claim, key)),
      recordUsage: inOrder((turnId, usage, child) => turns.recordUsage(turnId, usage, child)),
      end: reporting(inOrder((turnId, outcome, ending) => turns.end(turnId, outcome, ending))),
      park: inOrder((turnId, parking) => turns.park(turnId, parking)),
      unpark: inOrder((turnId) => turns.unpark(turnId)),
      adopt: inOrder((turnId, claim) => turns.adopt(turnId, claim)),
      parked: performed((sessionId) => turns.parked(sessionId)),
      markLost: reporting(inOrder((turnId, lost) => turns.markLost(turnId, lost))),
      get: inOrder((turnId) => turns.get(turnId)),
      response: inOrder((turnId) => turns.response(turnId)),
      search: performed((query) => turns.search(query)),
      statistics: performed((range) => turns.statistics(range)),
      listBySession: performed((sessionId, query) => turns.listBySession(sessionId, query)),
      running: performed((of) => turns.running(of)),
      endedLast: performed((withinMs, node) => turns.endedLast(withinMs, node)),
    },
    totals: {
      overview: performed(() => totals.overview()),
      byKey: performed(() => totals.byKey()),
      costs: performed((groupBy, limit) => totals.costs(groupBy, limit)),
    },
    prices: {
      estimateCost: performed((model, tokens) => prices.estimateCost(model, tokens)),
      price: performed((usage, beside) => prices.price(usage, beside)),
      onPriced: (listener) => {
        reportPriced = listener;
      },
    },
    idempotency: {
      claim: performed((claim, by, begins) => idempotency.claim(claim, by, begins)),
      release: performed((claim) => idempotency.release(claim)),
      redirect: performed((claim, turnId) => idempotency.redirect(claim, turnId)),
    },
    approvals: {
      ask: inOrder((approval) => approvals.ask(approval)),
      settle: inOrder((id, status, decision) => approvals.settle(id, status, decision)),
      get: inOrder((id) => approvals.get(id)),
      list: performed((query) => approvals.list(query)),
      now: performed(() => approvals.now()),
      due: performed(() => approvals.due()),
      msToNextDue: performed(() => approvals.msToNextDue()),
      pending: performed((of) => approvals.pending(of)),
      unresolved: performed((sessionId) => approvals.unresolved(sessionId)),
      delivered: inOrder((id) => approvals.delivered(id)),
      grant: performed((grant) => grants.add(grant)),
      grantsFor: performed((sessionId, tool) => grants.of(sessionId, tool)),
      grantById: performed((id) => grants.get(id)),
      grants: performed((query) => grants.list(query)),
      revoke: performed((grantId, at) => grants.revoke(grantId, at)),
    },
    pluginStore: {
      get: performed((plugin, key) => pluginStore.get(plugin, key)),
      write: performed((plugin, write) => pluginStore.write(plugin, write)),
      list: performed((plugin, query) => pluginStore.list(plugin, query)),
    },
    quota: {
      claim: performed((plugin, turnId, claims) => quota.claim(plugin, turnId, claims)),
      settle: performed((plugin, turnId, counter, actual) => quota.settle(plugin, turnId, counter, actual)),
      read: performed((plugin, counters) => quota.read(plugin, counters)),
      reservedUsd: performed((turnId) => quota.reservedUsd(turnId)),
      extend: performed((turnId) => quota.extend(turnId)),
    },
    keyPlaces: {
      take: performed((by, id, keyId, limit) => keyPlaces.take(by, id, keyId, limit)),
      leave: performed((ids) => keyPlaces.leave(ids)),
    },
    nodes: {
      join: performed((node) => nodes.join(node)),
      beat: beating((...args: Parameters<typeof nodes.beat>) => nodes.beat(...args)),
      list: beating(() => nodes.list()),
      workload: performed((since) => nodes.workload(since)),
      bury: performed((seen) => nodes.bury(seen)),
      leave: performed((of) => nodes.leave(of)),
      claim: performed((by, sessionId) => owners.claim(by, sessionId)),
      owner: performed((sessionId) => owners.owner(sessionId)),
      release: (by, sessionId, epoch) => release(sessionId, by, epoch),
      lostTurns: performed((sessionId) => owners.lostTurns(sessionId)),
      resumable: performed((by) => owners.resumable(by)),
      secret: performed((name, made) => shared.secret(name, made)),
      lead: performed((by, name) => shared.lead(by, name)),
      unlead: performed((by, name) => shared.unlead(by, name)),
    },
    transcripts: {
      session: performed((id) => transcripts.session(id)),
      find: performed((conversation) => transcripts.find(conversation)),
      read: performed((conversation, after) => transcripts.read(conversation, after)),
      append: performed((claim, part, after) => transcripts.append(claim, part, after)),
      setLacking: performed((claim, isLacking) => transcripts.setLacking(claim, isLacking)),
    },
    audit: {
      turns: performed((query) => audit.turns(query)),
      approvals: performed((query) => audit.approvals(query)),
    },
    async checkFile() {
      if (!open) throw new LedgerError("the ledger is closed");
      await database.check();
    },
    async close() {
      if (!open) return;
      open = false;
      await database.close();
    },
  };
}
