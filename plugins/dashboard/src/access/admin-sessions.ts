import { createHash, randomBytes } from "node:crypto";
import { setMaxListeners } from "node:events";

/** More logins at once than an operator has; beyond it the oldest one ends. */
const MOST = 1000;

/** A login that holds. */
export interface AdminSession {
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  /** Aborted when it ends before that: its owner logs out, or there are too many. */
  readonly ended: AbortSignal;
}

/** Who is logged in. Tokens are kept as digests only: what a core dump shows logs nobody in. */
export class AdminSessions {
  readonly #sessions = new Map<string, AdminSession & { readonly ending: AbortController }>();

  constructor(
    readonly lifetimeSecs: number,
    private readonly now: () => number = Date.now,
  ) {}

  /** A new login, and the token that stands for it. */
  open(): { readonly token: string } & AdminSession {
    this.#forgetExpired();
    const token = randomBytes(32).toString("base64url");
    const ending = new AbortController();
    // Each of its pages listens; ten would be few.
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
