import type { Quota, QuotaState } from "@claudeway/core";
import { type Limit, MAX_COUNTERS } from "./claims.js";

/** The states of all these limits, in their order. */
export async function readAll(quota: Pick<Quota, "read">, limits: readonly Limit[]): Promise<QuotaState[]> {
  const states: QuotaState[] = [];
  for (let at = 0; at < limits.length; at += MAX_COUNTERS)
    states.push(...(await quota.read(limits.slice(at, at + MAX_COUNTERS).map(counterOf))));
  return states;
}

/** The counter of a limit, without what is claimed. */
function counterOf({ name, subject, window, measure }: Limit) {
  return { name, subject, window, measure };
}
