import { hash, randomBytes } from "node:crypto";
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

  /** @param binding part of each digest, such as the admin's key: logins under another binding are unknown */
  constructor(
    readonly lifetimeSecs: number,
    private readonly now: () => number = Date.now,
    private readonly binding = "",
  ) {}

  /** The digests of the logins that are known. */
  get digests(): readonly string[] {
    return [...this.#sessions.keys()];
  }

  /** The digest under which a token is stored. */
  digestOf(token: string): string {
    return hash("sha256", `${this.binding}\n${token}`, "base64url");
  }

  /** Creates a login and its token. */
  open(): { readonly token: string } & AdminSession {
    const token = randomBytes(32).toString("base64url");
    const { ending: _, ...session } = this.#add(this.digestOf(token), this.now() + this.lifetimeSecs * 1000);
    return { token, ...session };
  }

  /** Adds a login that another gateway has created, unless it is known. */
  admit(digest: string, expiresAt: number): void {
    if (!this.#sessions.has(digest)) this.#add(digest, expiresAt);
  }

  #add(digest: string, expiresAt: number) {
    this.#forgetExpired();
    const ending = new AbortController();
    // Each of its pages adds a listener; the default limit of ten is too low.
    setMaxListeners(0, ending.signal);
    const session = { expiresAt, ended: ending.signal, ending };
    this.#sessions.set(digest, session);
    return session;
  }

  find(token: string): AdminSession | undefined {
    const session = this.#sessions.get(this.digestOf(token));
    return session !== undefined && session.expiresAt > this.now() ? session : undefined;
  }

  close(token: string): void {
    this.end(this.digestOf(token));
  }

  #forgetExpired(): void {
    for (const [digest, { expiresAt }] of this.#sessions) {
      if (expiresAt > this.now() && this.#sessions.size < MOST) return;
      this.end(digest);
    }
  }

  end(digest: string): void {
    this.#sessions.get(digest)?.ending.abort();
    this.#sessions.delete(digest);
  }
}
