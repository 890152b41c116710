import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { join } from "node:path";
import { readOrCreate } from "../read-or-create.js";

const KEY_BYTES = 32;
/** Below this path, the next segment is a token. */
export const LINK_PATH = "/approvals/link";

/**
 * Signs the links on which a request can be decided. A token names one request and the moment at which it expires; that
 * it decides once is the approval service's doing, which takes one decision for a request.
 */
export class LinkSigner {
  constructor(private readonly key: Buffer) {}

  /** With the key of a data folder: made once. */
  static open(dataDir: string): LinkSigner {
    const file = join(dataDir, "link-key");
    const key = readOrCreate(file, () => randomBytes(KEY_BYTES));
    if (key.length !== KEY_BYTES) throw new Error(`${file}: is no key for links; remove it to have one made`);
    return new LinkSigner(key);
  }

  /** @param expiresAt ms since 1970 */
  sign(approvalId: string, expiresAt: number): string {
    const claim = `${approvalId}.${Math.ceil(expiresAt / 1000).toString(36)}`;
    return `${claim}.${this.#mac(claim)}`;
  }

  /** The request that a token is for; undefined where it is none, was altered, or has expired. */
  verify(token: string, now = Date.now()): string | undefined {
    const [, claim, approvalId, expires, mac] =
      /^(([0-9a-f-]{36})\.([0-9a-z]{1,9}))\.([\w-]{43})$/.exec(token) ?? [];
    if (claim === undefined || approvalId === undefined || expires === undefined || mac === undefined) {
      return undefined;
    }
    // Compared as text: more than one text stands for the same bytes, and only the one that was signed is taken.
    if (!timingSafeEqual(Buffer.from(this.#mac(claim)), Buffer.from(mac))) return undefined;
    return Number.parseInt(expires, 36) * 1000 > now ? approvalId : undefined;
  }

  #mac(claim: string): string {
    return createHmac("sha256", this.key).update(`approval link\n${claim}`).digest("base64url");
  }
}

/** Whether a path is that of a link's page: what lies around it takes a key. */
export function isLinkPath(path: string): boolean {
  return LINK_PAGE.test(path);
}

const LINK_PAGE = new RegExp(`^${LINK_PATH}/[^/]+/?$`);

/** Up to what ends a path, or the JSON text that it stands in. */
const TOKEN_IN_PATH = new RegExp(`${LINK_PATH}/[^/?#"\\\\\\s]+`, "gi");

const TOKEN = /[0-9a-f-]{36}\.[0-9a-z]{1,9}\.[\w-]{43}/g;

/** A path, or a text with paths in it, as logs may show it: without the tokens of links. */
export function redactTokens(text: string): string {
  return text.replace(TOKEN_IN_PATH, `${LINK_PATH}/[token]`).replace(TOKEN, "[token]");
}
