import { setTimeout as sleep } from "node:timers/promises";
import type { Approvals } from "@claudeway/core/host";
import type { Approval, ApprovalFilter, Decider, Decision } from "@claudeway/core/ports";

/** As the admin's key would. */
const ADMIN: Decider = { channel: "admin", who: "admin" };
const LOOK_EVERY_MS = 5;

/** The calls that wait for a person, and the person. */
export class TestApprovals {
  constructor(private readonly approvalService: Approvals) {}

  /** Newest first, at most 1000. */
  async list(filter: ApprovalFilter = {}): Promise<readonly Approval[]> {
    return (await this.approvalService.list({ ...filter, page: 1, limit: 1000 })).approvals;
  }

  /** The oldest call that waits, as soon as there is one. Rejects where none comes within `withinMs`. */
  async next(withinMs = 5000): Promise<Approval> {
    const deadline = performance.now() + withinMs;
    for (;;) {
      const oldest = (await this.list({ status: "pending" })).at(-1);
      if (oldest !== undefined) return oldest;
      if (performance.now() > deadline) throw new Error(`no call waits for a decision after ${withinMs} ms`);
      await sleep(LOOK_EVERY_MS);
    }
  }

  /**
   * Decides a call, as the admin unless said otherwise. Rejects as the approval service does: CONFLICT where somebody was first,
   * FORBIDDEN where this decider may not.
   */
  decide(id: string, decision: Decision | Decision["decision"], decider: Decider = ADMIN): Promise<Approval> {
    return this.approvalService.decide(id, typeof decision === "string" ? { decision } : decision, decider);
  }
}
