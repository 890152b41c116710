import { createHash, randomBytes } from "node:crypto";
import { setMaxListeners } from "node:events";

/** Concurrent logins, more than an operator needs; one more ends the oldest. */
const MOST = 1000;

/** A valid login. */
export interface AdminSession {
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  /** Aborted when the login ends early: its owner logs out, or there are too many. */
  readonly ended: AbortSignal;
}

/** Current logins. Stores digests of tokens only, so that a core dump reveals no usable token. */
export class AdminSessions {
  readonly #sessions = new Map<string, AdminSession & { readonly ending: AbortController }>();

  constructor(
    readonly lifetimeSecs: number,
    private readonly now: () => number = Date.now,
  ) {}

  /** Creates a login and its token. */
  open(): { readonly token: string } & AdminSession {
    this.#forgetExpired();
    const token = randomBytes(32).toString("base64url");
    const ending = new AbortController();
    // Each of its pages adds a listener; the default limit of ten is too low.
    setMaxListeners(0, ending.signal);
    const session = { expiresAt: this.now() + this.lifetimeSecs * 1000, ended: ending.signal };
    this.#sessions.set(digestOf(token), { ...session, ending });
    return { token, ...session };
  }

  find(token: string): AdminSession | undefined {
    const session = this.#sessions.get(digestOf(token));
    return session !== undefined && session.expiresAt > this.now() ? session : undefined;
  }

  close(token: string): void {
    this.#end(digestOf(token));
  }

  #forgetExpired(): void {
    for (const [digest, { expiresAt }] of this.#sessions) {
      if (expiresAt > this.now() && this.#sessions.size < MOST) return;
      this.#end(digest);
    }
  }

  #end(digest: string): void {
    this.#sessions.get(digest)?.ending.abort();
    this.#sessions.delete(digest);
  }
}

function digestOf(token: string): string {
  return createHash("sha256").update(token).digest("base64");
}
