/** The intervals of a cluster, in ms, all from the lease. */
export interface Timing {
  /** A node that has not beaten for this long is buried. */
  readonly lease: number;
  /** Between two beats of a node, and two looks at the others. */
  readonly beat: number;
  /** A node whose last confirmed beat was sent this long ago stops all work. */
  readonly fence: number;
  /** A watcher that did not look for this long starts counting anew. */
  readonly gap: number;
  /** Between two looks for what dead nodes left. */
  readonly undertake: number;
}

const MAX_UNDERTAKE_MS = 1000;

export function timingOf(leaseSecs: number): Timing {
  const lease = leaseSecs * 1000;
  return {
    lease,
    beat: lease / 10,
    fence: (lease * 2) / 3,
    gap: lease / 3,
    undertake: Math.min(MAX_UNDERTAKE_MS, lease / 10),
  };
}
