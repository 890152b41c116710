import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import { GatewayError } from "../errors.js";
import type { IdempotencyClaim, Ledger } from "../ports/ledger.js";
import { claimTurn } from "../turns/idempotency.js";
import type { Turn } from "../turns/turn.js";
import type { TurnView, TurnViews } from "../turns/view.js";
import { callerOf, type GatewayContext } from "./context.js";

/** A turn that a request asked for, new or known before. */
export interface StartedTurn {
  readonly view: TurnView;
  /** True: the turn runs on when this client goes away. */
  readonly detach: boolean;
}

/** Begins the turn with this id. */
export type BeginTurn = (turnId: string) => Promise<Turn>;

/** Starts the turns that requests ask for; one that was sent before with the same `Idempotency-Key` joins its turn. */
export class TurnStarter {
  /** Turns that are claimed but have not begun: a second request must wait to join them. */
  readonly #beginning = new Map<string, Promise<TurnView>>();

  constructor(
    private readonly ledger: Ledger,
    private readonly views: TurnViews,
    private readonly log: Logger,
  ) {}

  /** Starts the turn under `turnId`, unless the request was sent before: then its turn is picked up. */
  async start(
    ctx: GatewayContext,
    body: { readonly detach: boolean },
    begin: BeginTurn,
    turnId: string = randomUUID(),
  ): Promise<StartedTurn> {
    const idempotencyKey = keyOf(ctx);
    if (idempotencyKey === undefined) {
      const turn = await begin(turnId);
      // Whoever decides on another turn's call may go away without ending that.
      const detach = body.detach || turn.info.id !== turnId;
      return { view: this.views.follow(turn), detach };
    }
    const { keyId } = callerOf(ctx);
    const request = {
      keyId,
      route: routeOf(ctx),
      idempotencyKey,
      body: ctx.request.rawBody ?? "",
    };
    const claimed = await claimTurn(this.ledger, request, turnId);
    if ("turnId" in claimed) {
      const view =
        (await this.#beginning.get(claimed.turnId)) ?? (await this.views.find(keyId, claimed.turnId));
      return { view, detach: true };
    }
    return { view: await this.#beginClaimed(claimed.claim, begin), detach: true };
  }

  async #beginClaimed(claim: IdempotencyClaim, begin: BeginTurn): Promise<TurnView> {
    const beginning = begin(claim.turnId).then(async (turn) => {
      // A decision on a call of a turn that waits: that one goes on, and no other begins.
      if (turn.info.id !== claim.turnId) await this.ledger.idempotency.redirect(claim, turn.info.id);
      // A refused turn cost nothing: the same request may be tried again.
      void turn.ended.then(({ outcome }) => (outcome.end === "refused" ? this.#release(claim) : undefined));
      return this.views.follow(turn);
    });
    this.#beginning.set(claim.turnId, beginning);
    try {
      return await beginning;
    } catch (error) {
      await this.#release(claim);
      throw error;
    } finally {
      this.#beginning.delete(claim.turnId);
    }
  }

  async #release(claim: IdempotencyClaim): Promise<void> {
    await this.ledger.idempotency.release(claim).catch((error: unknown) => {
      this.log.error({ err: error, turn_id: claim.turnId }, "an idempotency key was not given back");
    });
  }
}

/** The route in one spelling, since the router also accepts capitals, percent-encoding and a trailing slash. */
function routeOf({ method, path }: GatewayContext): string {
  const segments = path.split("/").map((segment) => encodeURIComponent(decoded(segment)));
  return `${method} ${segments.join("/").toLowerCase().replace(/\/$/, "")}`;
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    // Not valid percent-encoding: kept as it is, and no id looks like that.
    return segment;
  }
}

const KEY = /^[\x21-\x7e]{1,255}$/;

function keyOf(ctx: GatewayContext): string | undefined {
  const key = ctx.get("idempotency-key");
  if (key === "" && ctx.headers["idempotency-key"] === undefined) return undefined;
  if (KEY.test(key)) return key;
  throw new GatewayError("BAD_REQUEST", "Idempotency-Key must be 1 to 255 visible ASCII characters");
}
