import { createHash, timingSafeEqual } from "node:crypto";
import { GatewayError } from "../errors.js";
import type { Caller } from "../ports/turns.js";
import type { GatewayContext, GatewayMiddleware } from "./context.js";

export interface Key {
  /** A safe folder name. */
  readonly id: string;
  readonly secret: string;
}

/** Who holds which key. The first key is the admin's. */
export class Keyring {
  readonly #keys: readonly { readonly digest: Buffer; readonly caller: Caller }[];

  constructor(keys: readonly Key[]) {
    this.#keys = keys.map(({ id, secret }, index) => ({
      digest: digestOf(secret),
      caller: Object.freeze({ keyId: id, admin: index === 0 }),
    }));
  }

  /** The caller with this secret. Takes the same time whichever key it is, and whether there is one. */
  find(secret: string): Caller | undefined {
    const digest = digestOf(secret);
    let found: Caller | undefined;
    for (const key of this.#keys) if (timingSafeEqual(key.digest, digest)) found = key.caller;
    return found;
  }

  /** The caller of an `Authorization: Bearer` header (RFC 6750). Throws UNAUTHORIZED. */
  authenticate(header: string | undefined): Caller {
    const secret = /^Bearer +(\S+) *$/i.exec(header ?? "")?.[1];
    const caller = secret === undefined ? undefined : this.find(secret);
    if (caller !== undefined) return caller;
    const problem = header === undefined ? "no key" : secret === undefined ? "no Bearer key" : "unknown key";
    throw new GatewayError("UNAUTHORIZED", `${problem}: send "Authorization: Bearer <secret>"`, {
      headers: { "www-authenticate": "Bearer" },
    });
  }
}

/** Who gets in. */
export type Access = "key" | "admin" | "none";

/** Lets nobody pass without a key where one is asked for; puts the caller on the request's state. */
export function authenticate(keyring: Keyring, accessTo: (ctx: GatewayContext) => Access): GatewayMiddleware {
  return async (ctx, next) => {
    const access = accessTo(ctx);
    if (access !== "none") {
      const caller = keyring.authenticate(ctx.get("authorization") || undefined);
      ctx.state.caller = caller;
      if (access === "admin" && !caller.admin)
        throw new GatewayError("FORBIDDEN", "this takes the admin's key");
    }
    await next();
  };
}

function digestOf(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}
