import { setTimeout as sleep } from "node:timers/promises";
import type { Approvals } from "@claudeway/kernel";
import type { Approval, ApprovalFilter, Decider, Decision } from "@claudeway/ports";

/** Decides like the admin's key. */
const ADMIN: Decider = { channel: "admin", who: "admin" };
const LOOK_EVERY_MS = 5;

/** Access to pending calls, and decisions on them. */
export class TestApprovals {
  constructor(private readonly approvalService: Approvals) {}

  /** Newest first, at most 1000. */
  async list(filter: ApprovalFilter = {}): Promise<readonly Approval[]> {
    return (await this.approvalService.list({ ...filter, page: 1, limit: 1000 })).approvals;
  }

  /** The oldest pending call, as soon as there is one. Rejects if there is none within `withinMs`. */
  async next(withinMs = 5000): Promise<Approval> {
    const deadline = performance.now() + withinMs;
    for (;;) {
      const oldest = (await this.list({ status: "pending" })).at(-1);
      if (oldest !== undefined) return oldest;
      if (performance.now() > deadline) throw new Error(`no call was pending within ${withinMs} ms`);
      await sleep(LOOK_EVERY_MS);
    }
  }

  /**
   * Decides a call, as the admin by default. Rejects like the approval service: CONFLICT if it was already decided,
   * FORBIDDEN if this decider is not allowed.
   */
  decide(id: string, decision: Decision | Decision["decision"], decider: Decider = ADMIN): Promise<Approval> {
    return this.approvalService.decide(id, typeof decision === "string" ? { decision } : decision, decider);
  }
}
