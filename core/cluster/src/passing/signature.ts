import { createHmac, hash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { NodeStart, PassedRequest } from "@claudeway/ports";

/** The header of a request that one node passes on to another. */
export const PASSED = "x-claudeway-passed";

/** What the header says. */
export interface Passed extends PassedRequest {
  readonly to: NodeStart;
  /** Rises with everything that this start of the node sends. */
  readonly number: number;
  /** The SHA-256 of the body, where it is known before it is sent. */
  readonly digest: string | undefined;
}

/** What is signed beside that. */
export interface SignedHead {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>> | IncomingHttpHeaders;
}

/** Headers that change what a request does. */
const SIGNED = [
  "content-type",
  "content-length",
  "content-encoding",
  "idempotency-key",
  "last-event-id",
  "range",
];
const VALUE = /^([\w-]{2,8192})\.([\w-]{43})$/;

/** Signs what nodes pass on with the secret of their cluster. */
export class Signer {
  readonly #key: Buffer;

  constructor(secret: string) {
    this.#key = createHmac("sha256", secret).update("claudeway requests between nodes").digest();
  }

  /** The value of the header. */
  sign(passed: Passed, head: SignedHead): string {
    const { from, to, ...rest } = passed;
    const claims = { from: pair(from), to: pair(to), ...rest };
    const payload = Buffer.from(JSON.stringify(claims)).toString("base64url");
    return `${payload}.${this.#mac(payload, head)}`;
  }

  /** What a header says; undefined if it was not signed with this secret, or for another request. */
  verify(value: string, head: SignedHead): Passed | undefined {
    const [, payload, mac] = VALUE.exec(value) ?? [];
    if (payload === undefined || mac === undefined) return undefined;
    if (!timingSafeEqual(Buffer.from(this.#mac(payload, head)), Buffer.from(mac))) return undefined;
    return read(Buffer.from(payload, "base64url").toString());
  }

  #mac(payload: string, { method, target, headers }: SignedHead): string {
    const signed = SIGNED.map((name) => `${name}: ${String(headers[name] ?? "")}`);
    const text = [payload, method, target, ...signed].join("\n");
    return createHmac("sha256", this.#key).update(text).digest("base64url");
  }
}

/** The digest of a body. */
export function digestOf(body: Uint8Array): string {
  return hash("sha256", body, "base64url");
}

function pair({ node, incarnation }: NodeStart): NodeStart {
  return { node, incarnation };
}

/** Only nodes of this cluster get here: the text is what `sign` made. */
function read(text: string): Passed {
  const { caller, digest, ...passed } = JSON.parse(text);
  return { ...passed, digest, caller: caller === undefined ? undefined : Object.freeze(caller) };
}
