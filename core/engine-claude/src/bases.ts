import { isDeepStrictEqual } from "node:util";
import type { SessionTotals, TotalsByModel } from "@claudeway/ports";
import { add, covers, isPossible, matches, NO_TOTALS, subtract } from "./totals.js";

/*
 * The CLI reports totals, not turns: they add up within a process, and over a resume they go on from what an earlier
 * process of the session saved. Measured on 2.1.330: a process saves its totals when it ends by itself or on TERM
 * (with what a turn in the middle had used in messages that were over; a message that breaks off then is not in them),
 * and nothing when it is killed: the next one starts from what was saved last, or from nothing.
 *
 * So the base of a process is known: nothing, its last report, or what the transcript says was saved last (see
 * transcript.ts). Only if the transcript can't be read is the base one of several candidates, and the usage in the
 * turn's own stream shows which. The stream knows less than the totals: it lacks the output of subagents' messages, and
 * all of compaction. It also knows more: a message that an `error` event of a 4xx status broke off is in no total.
 */

/** Each turn that is lost between two reports doubles them; the likeliest come first. */
const MAX_BASES = 16;

/** What one turn used, and what its process had started from. */
export interface Settled {
  readonly used: TotalsByModel;
  readonly base: TotalsByModel;
}

/** The usage in a turn's own stream: of all messages, and of those that did not break off. */
export interface Delivered {
  readonly all: TotalsByModel;
  readonly uncut: TotalsByModel;
}

/**
 * Works out what a turn used from the totals after it. `certain` is the base of those totals, if known. It is used
 * instead of all other bases unless the totals are below it.
 */
export function settle(
  now: TotalsByModel,
  before: SessionTotals | undefined,
  { all, uncut }: Delivered,
  certain?: TotalsByModel,
): Settled {
  const usedSince = (base: TotalsByModel): Settled => ({ base, used: subtract(now, base) });
  const known = certain && usedSince(certain);
  if (known && isPossible(known.used)) return known;
  const candidates = [...(before?.bases ?? []), NO_TOTALS]
    .map(usedSince)
    .filter(({ used }) => isPossible(used));
  return (
    candidates.find(({ used }) => matches(used, all)) ??
    candidates.find(({ used }) => matches(used, uncut)) ??
    candidates.find(({ used }) => covers(used, uncut)) ??
    candidates[0] ?? { base: NO_TOTALS, used: now }
  );
}

/** After a report, by how the process ended. */
export function afterReport(now: TotalsByModel, base: TotalsByModel, killed: boolean): SessionTotals {
  return bounded(killed ? [base, now] : [now, base]);
}

/**
 * After a process that ended in the middle of a turn, without a report of it: it saved what was delivered, or more, or
 * nothing. The most comes first: too large a base leaves less than was delivered, so it is found out.
 */
export function afterLoss(before: SessionTotals | undefined, delivered: TotalsByModel): SessionTotals {
  const earlier = before?.bases ?? [NO_TOTALS];
  return {
    ...withoutUncharged(before),
    ...bounded([...earlier.map((base) => add(base, delivered)), ...earlier]),
  };
}

/** When a turn has been charged for what the session's subagents used. */
export function withoutUncharged(
  totals: SessionTotals | undefined,
): Omit<SessionTotals, "unreported" | "carried" | "bases"> {
  const { unreported: _unreported, carried: _carried, bases: _bases, ...rest } = totals ?? { bases: [] };
  return rest;
}

function bounded(bases: readonly TotalsByModel[]): SessionTotals {
  const distinct = bases.filter(
    (base, index) => bases.findIndex((other) => isDeepStrictEqual(other, base)) === index,
  );
  return { bases: distinct.slice(0, MAX_BASES) };
}
