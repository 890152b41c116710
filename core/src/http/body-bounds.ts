import type { Settings } from "@claudeway/config";
import { ByteBudget } from "@claudeway/scheduling";
import type { GatewayContext } from "./context.js";
import type { BodyBound } from "./incoming.js";
import { isPromptForm } from "./prompt-forms.js";

/** Bytes of a request body on a route without a key, unless the route's plugin sets its own limit. */
const OPEN_BODY_BYTES = 8 * 1024;
/** Bytes of the form behind a signed approval link. It must fit a denial reason of 10,000 characters. */
const FORM_BYTES = 64 * 1024;
/** Bytes of bodies being read at once, shared by all requests without a key. */
const KEYLESS_BUDGET_BYTES = 4 * 1024 * 1024;
/** Bytes of bodies being read at once, for each key. */
const KEY_BUDGET_BYTES = 64 * 1024 * 1024;

/** How large the body of a request may be, and the budget of bytes that it is read within. */
export class BodyBounds {
  readonly #keyless = new ByteBudget(KEYLESS_BUDGET_BYTES);
  readonly #keys = new Map<string, ByteBudget>();

  constructor(private readonly limits: Settings["limits"]) {}

  /** The bound of an authenticated request's body, or of one on a route without a key. */
  of(ctx: GatewayContext): BodyBound {
    const { caller, known, destination } = ctx.state;
    const own = destination.to === "link" ? FORM_BYTES : destination.mount?.bodyBytes;
    if (caller === undefined && !known) return { limitBytes: own ?? OPEN_BODY_BYTES, budget: this.#keyless };
    // A file goes to the disk as it comes; it is not kept in memory.
    if (destination.to === "upload" || isPromptForm(ctx)) return { limitBytes: this.limits.file_bytes };
    return { limitBytes: own ?? this.limits.body_bytes, budget: this.budgetOf(caller?.keyId ?? "") };
  }

  /** The budget of bytes for the bodies of one key that are being read. */
  budgetOf(keyId: string): ByteBudget {
    const bytes = Math.max(KEY_BUDGET_BYTES, 2 * this.limits.body_bytes);
    const budget = this.#keys.get(keyId) ?? new ByteBudget(bytes);
    this.#keys.set(keyId, budget);
    return budget;
  }
}
