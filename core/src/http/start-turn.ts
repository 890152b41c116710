import { hash, randomUUID } from "node:crypto";
import { type ClaimedTurn, GatewayError, type IdempotencyClaim, type PassingOn } from "@claudeway/ports";
import type { Arrival } from "@claudeway/scheduling";
import type { Logger } from "pino";
import type { Records } from "../turns/request.js";
import type { Turn } from "../turns/turn.js";
import type { TurnView, TurnViews } from "../turns/view.js";
import { callerOf, type GatewayContext } from "./context.js";

/** The turn of a request: a new one or an existing one. */
export interface StartedTurn {
  readonly view: TurnView;
  /** True if the turn keeps running when this client disconnects. */
  readonly detach: boolean;
}

/** Begins the turn with this id, at its place if it has one. */
export type BeginTurn = (turnId: string, arrival?: Arrival) => Promise<Turn>;

export interface StartOptions {
  readonly turnId?: string;
  /** Takes the turn's place in an order before its key is claimed. */
  readonly arrive?: () => Arrival;
}

/** Starts the turns of requests. A request with a used `Idempotency-Key` joins its existing turn. */
export class TurnStarter {
  /** Turns of keys that may begin, or have not ended: a second request joins them. */
  readonly #claimed = new Map<string, Promise<TurnView>>();

  constructor(
    private readonly records: Pick<Records, "ledger" | "ownership"> & {
      readonly keys: Map<string, IdempotencyClaim>;
    },
    private readonly views: TurnViews,
    private readonly log: Logger,
    private readonly passing?: PassingOn | undefined,
  ) {}

  /** Starts the turn under `turnId`, or joins the turn of an earlier identical request. */
  async start(
    ctx: GatewayContext,
    body: { readonly detach: boolean },
    begin: BeginTurn,
    { turnId = ctx.state.passed?.turnId ?? randomUUID(), arrive }: StartOptions = {},
  ): Promise<StartedTurn> {
    const idempotencyKey = keyOf(ctx);
    if (idempotencyKey === undefined) {
      const turn = await begin(turnId);
      // A client that decides a call of another turn may disconnect without interrupting that turn.
      const detach = body.detach || turn.info.id !== turnId;
      return { view: this.views.follow(turn), detach };
    }
    const { keyId } = callerOf(ctx);
    const bodyHash = hash("sha256", ctx.request.rawBody ?? "");
    const claim = { keyId, route: routeOf(ctx), idempotencyKey, bodyHash, turnId };
    const arrival = arrive?.();
    const view = this.#beginOrJoin(claim, (id) => begin(id, arrival), arrival);
    // Before its key is claimed: another request must not take it for a key whose turn never begins.
    this.#claimed.set(turnId, view);
    try {
      return { view: await view, detach: true };
    } catch (error) {
      this.#claimed.delete(turnId);
      throw error;
    } finally {
      arrival?.leave();
    }
  }

  /** Throws CONFLICT if the key was used with another body within the last 24 h. */
  async #beginOrJoin(
    claim: IdempotencyClaim,
    begin: (turnId: string) => Promise<Turn>,
    arrival: Arrival | undefined,
  ): Promise<TurnView> {
    const { ledger, ownership } = this.records;
    const mayBegin = (turnId: string) => this.#claimed.has(turnId);
    const claimed = await ledger.idempotency.claim(claim, ownership.owner?.owner, mayBegin);
    if (claimed === "new") return this.#beginClaimed(claim, begin);
    if (claimed === "conflict")
      throw new GatewayError("CONFLICT", "this Idempotency-Key was used with another body");
    this.#claimed.delete(claim.turnId);
    // The request that claimed it may have arrived later, and wait for this one.
    arrival?.leave();
    return (await this.#claimed.get(claimed.turnId)) ?? (await this.#find(claim.keyId, claimed));
  }

  /** Throws `Elsewhere` if another node runs the turn, or is about to begin it. */
  async #find(keyId: string, { turnId, by }: ClaimedTurn): Promise<TurnView> {
    try {
      return await this.views.find(keyId, turnId);
    } catch (error) {
      if (by !== undefined && error instanceof GatewayError && error.code === "NOT_FOUND")
        this.passing?.checkStart(by);
      throw error;
    }
  }

  async #beginClaimed(claim: IdempotencyClaim, begin: BeginTurn): Promise<TurnView> {
    // The turn reads it as it begins, since the key may be lost until then.
    this.records.keys.set(claim.turnId, claim);
    const beginning = begin(claim.turnId).then(async (turn) => {
      // A decision on a call of a waiting turn resumes that turn; no new one begins.
      if (turn.info.id !== claim.turnId) await this.records.ledger.idempotency.redirect(claim, turn.info.id);
      // A refused turn has no cost, so the same request may be retried.
      void turn.ended.then(({ outcome }) => this.#forget(claim, outcome.end === "refused"));
      return this.views.follow(turn);
    });
    try {
      return await beginning;
    } catch (error) {
      await this.#forget(claim, true);
      throw error;
    } finally {
      this.records.keys.delete(claim.turnId);
    }
  }

  async #forget(claim: IdempotencyClaim, isFree: boolean): Promise<void> {
    this.#claimed.delete(claim.turnId);
    if (!isFree) return;
    await this.records.ledger.idempotency.release(claim).catch((error: unknown) => {
      this.log.error({ err: error, turn_id: claim.turnId }, "an idempotency key could not be released");
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
    // Invalid percent-encoding is kept; no id has that form.
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
