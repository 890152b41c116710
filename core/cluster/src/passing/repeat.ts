import { Elsewhere, type Exchange, type NodeAddress, NotBegun } from "@claudeway/ports";
import { hasBody } from "./body.js";
import { isBeginning, sessionNeed } from "./destination.js";
import { Retries } from "./retries.js";

/** Where a request of which nothing was begun can go next. */
export interface NextPlaces {
  /** The node that it belongs to now; undefined: this one. */
  find(): Promise<NodeAddress | undefined>;
  passOn(to: NodeAddress): Promise<void>;
  /** Answers it here; undefined: this node has refused it. */
  readonly here: (() => Promise<unknown>) | undefined;
}

/** Headers that an answer of this node may have got before its turn was refused. */
const OF_REFUSED_TURN = ["x-turn-id", "server-timing"];

/** Looks where a request belongs now that nothing of it was begun, until it is answered or it has taken too long. */
export async function repeat(
  exchange: Exchange,
  refused: NotBegun,
  { find, passOn, here }: NextPlaces,
): Promise<void> {
  let refusal = refused;
  let answerHere = here;
  for (const name of OF_REFUSED_TURN) exchange.response.removeHeader(name);
  for (const retries = new Retries(); ; ) {
    try {
      if (refusal instanceof Elsewhere) return await passOn(refusal.node);
      const mayRepeat = repeats(exchange) && (await retries.pause());
      if (!mayRepeat || exchange.response.destroyed) throw refusal;
      const to = await find();
      if (to !== undefined) return await passOn(to);
      if (answerHere !== undefined) {
        const answer = answerHere;
        answerHere = undefined;
        return void (await answer());
      }
    } catch (error) {
      if (error === refusal || !canRepeat(error, exchange)) throw error;
      refusal = error;
    }
  }
}

/** Whether an answer to the client can still be another one. */
export function canRepeat(error: unknown, { response }: Exchange): error is NotBegun {
  return error instanceof NotBegun && !response.headersSent;
}

/** The body for sending it now, after it was read here; undefined: it can't be sent again. */
export function bodyAgain({ request, body }: Exchange): Buffer | undefined {
  if (!hasBody(request)) return Buffer.alloc(0);
  const text = body();
  return text === undefined ? undefined : Buffer.from(text);
}

/** Whether a request is about a session, or one that any node can begin. */
function repeats({ request: { method = "GET", url = "/" } }: Exchange): boolean {
  return sessionNeed(method, url) !== undefined || isBeginning(method, url);
}
