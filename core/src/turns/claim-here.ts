import { type Claim, Elsewhere, type Ownership, retryLater } from "@claudeway/ports";

/** Seconds after which a client may ask again for a session whose node does not answer. */
const AWAY_RETRY_SECS = 5;

/** Takes the session for this gateway. Throws `Elsewhere` if another node has it, and UNAVAILABLE if that one is away. */
export async function claimHere(ownership: Ownership, sessionId: string): Promise<Claim> {
  const place = await ownership.claim(sessionId);
  if (place.at === "here") return place.claim;
  if (place.at === "elsewhere") throw new Elsewhere(place.node);
  throw retryLater(`the node ${place.node}, which has the session, does not answer`, AWAY_RETRY_SECS);
}
