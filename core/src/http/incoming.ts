import { IncomingMessage } from "node:http";
import { GatewayError } from "../errors.js";
import type { ByteBudget } from "./byte-budget.js";

/** The limits of a body. */
export interface BodyBound {
  readonly limitBytes: number;
  /** The budget that the bodies being read share. */
  readonly budget: ByteBudget;
}

/** A request as the gateway's server makes it: however its body is read, it can be bounded. */
export class IncomingRequest extends IncomingMessage {
  /** Why it is refused before anything else of it is looked at. */
  refusal: GatewayError | undefined;
  /** Called once its answer was sent or its client has gone. `Exchanges` listens for that anyway. */
  whenOver: (() => void) | undefined;
  #received = 0;
  #bound: BodyBound | undefined;
  /** Bytes reserved from the budget. */
  #held = 0;
  #problem: GatewayError | undefined;
  #onProblem: ((problem: GatewayError) => void) | undefined;

  get hasBody(): boolean {
    return this.headers["transfer-encoding"] !== undefined || declaredBytes(this) > 0;
  }

  /**
   * Bounds the body. Throws PAYLOAD_TOO_LARGE or UNAVAILABLE where that is clear at once; what is too much later, or
   * `refuse`d, breaks off whoever reads it, and is told to `onProblem`.
   */
  bound(bound: BodyBound, onProblem: (problem: GatewayError) => void): void {
    if (Math.max(declaredBytes(this), this.#received) > bound.limitBytes) throw tooLarge(bound);
    this.#onProblem = onProblem;
    // All of it is here: nothing more has to be waited for.
    if (this.complete) return;
    this.#bound = bound;
    this.#check(this.#received);
    if (this.#problem !== undefined) throw this.#problem;
  }

  /** Reads no more of the body. The connection stays, for the answer. */
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
    // What still comes is thrown away, until the server hangs up.
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
    else if (bound.budget.take(more)) this.#held += more;
    else this.refuse(tooMany());
  }

  #giveBack(): void {
    if (this.#held === 0) return;
    this.#bound?.budget.give(this.#held);
    this.#held = 0;
  }
}

/** How long a request says that its body is; 0 where it says nothing. Node has checked that it is a number. */
function declaredBytes({ headers }: IncomingMessage): number {
  return Number(headers["content-length"] ?? 0);
}

function tooLarge({ limitBytes }: BodyBound): GatewayError {
  return new GatewayError("PAYLOAD_TOO_LARGE", `the body must be at most ${limitBytes} bytes`);
}

function tooMany(): GatewayError {
  return new GatewayError("UNAVAILABLE", "too many bodies are being read at once; try again", {
    headers: { "retry-after": "1" },
  });
}
