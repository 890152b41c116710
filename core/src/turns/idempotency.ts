import { hash } from "node:crypto";
import { type ClaimedTurn, GatewayError, type IdempotencyClaim } from "@claudeway/ports";
import type { Records } from "./request.js";

/** A request with an `Idempotency-Key`. */
export interface KeyedRequest {
  readonly keyId: string;
  /** Method and path with its parameters: a key is valid for one route. */
  readonly route: string;
  readonly idempotencyKey: string;
  /** The raw body. */
  readonly body: string;
}

/**
 * Claims the key for a new turn. Resolves to the claim, or to the id of the turn that the same request began within
 * the last 24 h. Throws CONFLICT if the key was used with another body. `begins`: see `IdempotencyBook`.
 */
export async function claimTurn(
  { ledger, ownership }: Pick<Records, "ledger" | "ownership">,
  request: KeyedRequest,
  turnId: string,
  begins: (turnId: string) => boolean,
): Promise<{ readonly claim: IdempotencyClaim } | ClaimedTurn> {
  const { body, ...rest } = request;
  const claim = { ...rest, bodyHash: hash("sha256", body), turnId };
  const claimed = await ledger.idempotency.claim(claim, ownership.owner?.owner, begins);
  if (claimed === "conflict") {
    throw new GatewayError("CONFLICT", "this Idempotency-Key was used with another body");
  }
  return claimed === "new" ? { claim } : claimed;
}
