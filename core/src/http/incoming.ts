import { IncomingMessage } from "node:http";
import { GatewayError, retryLater } from "@claudeway/ports";
import type { ByteBudget } from "@claudeway/scheduling";

/** The limits of a body. */
export interface BodyBound {
  readonly limitBytes: number;
  /** The budget that the bodies being read share; absent for one that is not held in memory. */
  readonly budget?: ByteBudget;
}

/** The request class of the gateway's server: its body is limited however it is read. */
export class IncomingRequest extends IncomingMessage {
  /** The reason to refuse the request before anything else is examined. */
  refusal: GatewayError | undefined;
  /** Called once its answer was sent or its client has gone. `Exchanges` listens for that anyway. */
  whenOver: (() => void) | undefined;
  /** Asked for by several steps of the chain. */
  #hasBody: boolean | undefined;
  #received = 0;
  #bound: BodyBound | undefined;
  /** Bytes reserved from the budget. */
  #held = 0;
  #problem: GatewayError | undefined;
  #onProblem: ((problem: GatewayError) => void) | undefined;

  get hasBody(): boolean {
    this.#hasBody ??= this.headers["transfer-encoding"] !== undefined || declaredBytes(this) > 0;
    return this.#hasBody;
  }

  /**
   * Limits the body. Throws PAYLOAD_TOO_LARGE or UNAVAILABLE if the declared length is too large. If the limit is
   * exceeded later, or `refuse` is called, reading fails and `onProblem` is called.
   */
  bound(bound: BodyBound, onProblem: (problem: GatewayError) => void): void {
    if (Math.max(declaredBytes(this), this.#received) > bound.limitBytes) throw tooLarge(bound);
    this.#onProblem = onProblem;
    // The whole body has arrived.
    if (this.complete) return;
    this.#bound = bound;
    this.#check(this.#received);
    if (this.#problem !== undefined) throw this.#problem;
  }

  /** Stops reading the body. The connection stays open for the response. */
  refuse(problem: GatewayError): void {
    if (this.#problem !== undefined) return;
    this.#problem = problem;
    this.#giveBack();
    this.#onProblem?.(problem);
    this.destroy(problem);
  }

  /** Called by Node's parser with each piece of the body, and with null at its end. */
  override push(chunk: Uint8Array | null, encoding?: BufferEncoding): boolean {
    if (chunk === null) this.#giveBack();
    else {
      this.#received += chunk.length;
      this.#check(chunk.length);
    }
    // Further data is discarded until the server closes the connection.
    return this.#problem !== undefined || super.push(chunk, encoding);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#giveBack();
    if (this.#problem === undefined) super._destroy(error, callback);
    // Node's own `_destroy` would close the connection. An error without a listener would end the process.
    else process.nextTick(() => callback(this.listenerCount("error") === 0 ? null : error));
  }

  #check(more: number): void {
    const bound = this.#bound;
    if (bound === undefined || this.#problem !== undefined) return;
    if (this.#received > bound.limitBytes) this.refuse(tooLarge(bound));
    else if (bound.budget === undefined) return;
    else if (bound.budget.take(more)) this.#held += more;
    else this.refuse(tooMany());
  }

  #giveBack(): void {
    if (this.#held === 0) return;
    this.#bound?.budget?.give(this.#held);
    this.#held = 0;
  }
}

/** The declared length of the body; 0 if it is not declared. Node has checked that it is a number. */
function declaredBytes({ headers }: IncomingMessage): number {
  return Number(headers["content-length"] ?? 0);
}

function tooLarge({ limitBytes }: BodyBound): GatewayError {
  return new GatewayError("PAYLOAD_TOO_LARGE", `the body must be at most ${limitBytes} bytes`);
}

function tooMany(): GatewayError {
  return retryLater("too many bodies are being read at once; try again", 1);
}
