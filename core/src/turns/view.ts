import { TurnStream } from "@claudeway/events";
import {
  GatewayError,
  isErrorCode,
  type Ledger,
  type PassingOn,
  type StopReason,
  type TurnEnd,
  type TurnInfo,
  type TurnOrigin,
} from "@claudeway/ports";
import type { TurnResponse } from "@claudeway/schemas";
import { LRUCache } from "lru-cache";
import type { RunningTurns } from "./running.js";
import type { Turn } from "./turn.js";

/** The end of a turn for its caller: the response, or the error that replaces it. */
export interface TurnAnswer {
  readonly response: TurnResponse;
  readonly error: GatewayError | undefined;
  /** How long it was queued, in ms; undefined if the turn is only in the ledger. */
  readonly queuedMs: number | undefined;
}

/** A turn as clients see it: running, recently ended, or only in the ledger. */
export interface TurnView {
  readonly id: string;
  readonly sessionId: string;
  readonly origin: TurnOrigin;
  readonly createdAt: string;
  readonly metadata: TurnInfo["metadata"];
  readonly state: TurnState;
  readonly stream: TurnStream;
  readonly answer: Promise<TurnAnswer>;
  stop(reason: StopReason): void;
}

export type TurnState = "queued" | "running" | "parked" | TurnEnd;

/** How much of ended turns is kept for clients that reconnect, and for how long. */
const KEPT_BYTES = 64 * 1024 * 1024;
const KEPT_MS = 10 * 60 * 1000;
/** The memory of a view, apart from its stream. */
const VIEW_BYTES = 2048;

/** Finds turns: running ones, recently ended ones with all their events, and all others in the ledger. */
export class TurnViews {
  readonly #ended = new LRUCache<string, TurnView & { readonly keyId: string }>({
    maxSize: KEPT_BYTES,
    sizeCalculation: ({ stream }) => stream.bytes + VIEW_BYTES,
    ttl: KEPT_MS,
  });

  /** Created once, so that frequent requests for a long turn do not accumulate listeners. */
  readonly #answers = new WeakMap<Turn, Promise<TurnAnswer>>();

  constructor(
    private readonly turns: RunningTurns,
    private readonly ledger: Ledger,
    private readonly passing?: PassingOn | undefined,
  ) {}

  /**
   * The turn with this id that belongs to the key. Throws NOT_FOUND, and `Elsewhere` if another node runs it, or for
   * `events` still has them.
   */
  async find(keyId: string, id: string, what?: "events"): Promise<TurnView> {
    const found = await this.#look(keyId, id, what);
    // It went on, or ended, meanwhile.
    const view = found === "open" ? await this.#look(keyId, id, what) : found;
    if (view === undefined || view === "open") throw new GatewayError("NOT_FOUND", "no such turn");
    return view;
  }

  async #look(keyId: string, id: string, what?: "events"): Promise<TurnView | "open" | undefined> {
    const running = this.turns.get(id);
    if (running !== undefined && running.info.keyId === keyId) return this.follow(running);
    const ended = this.#ended.get(id);
    if (ended !== undefined && ended.keyId === keyId) return ended;
    const turn = await this.ledger.turns.get(id);
    if (turn?.keyId === keyId && turn.parked === undefined) {
      const { ended: end } = turn;
      if (end === undefined) await this.passing?.checkTurn(turn);
      else if (what === "events" && Date.parse(end.at) > Date.now() - KEPT_MS)
        await this.passing?.checkTurn(turn, "if it answers");
    }
    const response = await this.ledger.turns.response(id);
    if (turn === undefined || turn.keyId !== keyId) return undefined;
    const state = turn.parked === undefined ? turn.ended?.end : "parked";
    return state === undefined || response === undefined ? "open" : storedView(turn, state, response);
  }

  /** The view of a running turn; its events are kept for a while after its end. */
  follow(turn: Turn): TurnView {
    const answer = this.#answers.get(turn) ?? this.#answerOf(turn);
    return {
      ...headOf(turn.info),
      state: turn.running ? "running" : "queued",
      stream: turn.stream,
      answer,
      stop: (reason) => turn.stop(reason),
    };
  }

  #answerOf(turn: Turn): Promise<TurnAnswer> {
    const { id, keyId } = turn.info;
    const answer = turn.ended.then(({ outcome, error }) => {
      // A parked turn has not ended; the ledger has its outcome.
      if (outcome.end !== "parked") {
        const { stream } = turn;
        const { end: state } = outcome;
        this.#ended.set(id, { ...headOf(turn.info), keyId, state, stream, answer, stop: doNothing });
      }
      return { response: outcome.response, error, queuedMs: outcome.queuedMs };
    });
    this.#answers.set(turn, answer);
    return answer;
  }
}

/** A turn that is only in the ledger has one event with all its text, and the end. */
function storedView(turn: TurnInfo, state: TurnState, response: TurnResponse): TurnView {
  const stream = TurnStream.ofEnded(response);
  const { code, error, cause } = response;
  // If the gateway was stopped (UNAVAILABLE), the turn ended with it. A retry with the same key would always get this
  // error, so it is returned as the response instead.
  const failed = isErrorCode(code) && code !== "UNAVAILABLE";
  const details = {
    ...(code === "INTERNAL_ERROR" && { id: turn.id }),
    ...(cause !== undefined && { cause }),
  };
  const failure = failed ? new GatewayError(code, error ?? code, { details }) : undefined;
  return {
    ...headOf(turn),
    state,
    stream,
    answer: Promise.resolve({ response, error: failure, queuedMs: undefined }),
    stop: doNothing,
  };
}

/** What any view says of its turn. */
function headOf({ id, sessionId, origin = "prompt", createdAt, metadata }: TurnInfo) {
  return { id, sessionId, origin, createdAt, metadata };
}

/** Created outside the turn's scope, so that the kept data does not reference its prompt. */
function doNothing(): void {}
