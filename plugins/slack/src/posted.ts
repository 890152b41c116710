import { createHash } from "node:crypto";
import type { Scope } from "@claudeway/core";

/** Entries outlive their approval by this much, in ms: it may be posted late. */
const AFTERWARDS_MS = 3_600_000;

/** The approvals that were posted to one channel: its queue is lost when the gateway ends, and they may wait for days. */
export class PostedApprovals {
  readonly #prefix: string;

  constructor(
    webhookUrl: string,
    private readonly kernel: Pick<Scope<"approvals">, "approvals" | "log" | "store">,
  ) {
    // The URL is a secret.
    this.#prefix = `posted/${createHash("sha256").update(webhookUrl).digest("base64url").slice(0, 16)}/`;
  }

  async has(id: string): Promise<boolean> {
    return (await this.kernel.store.get(this.#prefix + id)) !== undefined;
  }

  /** Never rejects: an approval that is not noted is posted again after a restart. */
  async note(id: string): Promise<void> {
    const { approvals, log, store } = this.kernel;
    try {
      const approval = await approvals.get(id);
      if (approval?.status !== "pending") return;
      const ttlMs = Math.max(0, Date.parse(approval.expiresAt) - Date.now()) + AFTERWARDS_MS;
      const result = await store.set(this.#prefix + id, true, { ttlMs });
      if (!result.ok) log.warn(`could not note a posted approval: the store is ${result.reason}`);
    } catch (error) {
      log.warn({ err: error }, "could not note a posted approval");
    }
  }
}
