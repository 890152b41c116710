/** The right to work on a session. Every write of the session's turns names its epoch. */
export interface Claim {
  readonly sessionId: string;
  readonly epoch: number;
  /** Aborted when the session must no longer be worked on here: what holds a process of it ends that. */
  readonly lost: AbortSignal;
}
