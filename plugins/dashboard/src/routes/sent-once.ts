import { type PluginStore, Refusal, type Scope } from "@claudeway/core";

/** How long a draft begins no second turn, as with an `Idempotency-Key`. */
const KEPT_MS = 86_400_000;
const DRAFT_ID = /^[\w-]{1,100}$/;

export interface SentOnceParts {
  readonly store: Pick<PluginStore, "get" | "set">;
  readonly log: Pick<Scope["log"], "warn">;
}

/** The turns that drafts of prompts began: a page sends a draft again if it lost the answer, and must not pay twice. */
export class SentOnce {
  readonly #underWay = new Map<string, Promise<string>>();

  constructor(private readonly parts: SentOnceParts) {}

  /**
   * The id of the turn that this draft began in the session, or that `start` begins now; always the latter without a draft.
   * What `start` rejects with is not kept.
   */
  async turn(sessionId: string, draftId: unknown, start: () => Promise<string>): Promise<string> {
    if (draftId === undefined) return start();
    if (typeof draftId !== "string" || !DRAFT_ID.test(draftId))
      throw new Refusal(400, "draft_id must be 1 to 100 letters, digits, _ or -");
    const key = `prompts/${sessionId}/${draftId}`;
    const begun = this.#underWay.get(key) ?? this.#begin(key, start);
    this.#underWay.set(key, begun);
    return begun.finally(() => this.#underWay.delete(key));
  }

  async #begin(key: string, start: () => Promise<string>): Promise<string> {
    const known = (await this.parts.store.get(key))?.value;
    if (typeof known === "string") return known;
    const turnId = await start();
    // The turn runs: an answer that says otherwise would have it sent again.
    const unnoted = await this.parts.store
      .set(key, turnId, { ttlMs: KEPT_MS })
      .then((result) => (result.ok ? undefined : new Error(`the plugin's store reports: ${result.reason}`)))
      .catch((error: unknown) => error);
    if (unnoted !== undefined)
      this.parts.log.warn({ err: unnoted, turn_id: turnId }, "cannot note which draft began a turn");
    return turnId;
  }
}
