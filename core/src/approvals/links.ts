import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { SharedSecrets } from "@claudeway/ports";

/** The key's name among the secrets. */
const KEY = "link-key";
const KEY_BYTES = 32;
/** The path of link pages; the segment after it is a token. */
export const LINK_PATH = "/approvals/link";

/**
 * Signs links to pages on which a request can be decided. A token names one request and its expiry time. A link works
 * once because `ApprovalService` accepts one decision for each request.
 */
export class LinkSigner {
  constructor(private readonly key: Buffer) {}

  /** Uses the key of all gateways on the ledger, which is created on the first start. */
  static async open(secrets: SharedSecrets): Promise<LinkSigner> {
    const key = await secrets.get(KEY, () => randomBytes(KEY_BYTES));
    if (key.length !== KEY_BYTES)
      throw new Error(
        `${KEY}: must have ${KEY_BYTES} bytes, got ${key.length}; remove it to create a new one: the file of the data folder, in a cluster the row of the table secrets`,
      );
    return new LinkSigner(key);
  }

  /** @param expiresAt ms since 1970 */
  sign(approvalId: string, expiresAt: number): string {
    const claim = `${approvalId}.${Math.ceil(expiresAt / 1000).toString(36)}`;
    return `${claim}.${this.#mac(claim)}`;
  }

  /**
   * The id of the request that a token is for; undefined if the token is malformed, altered or expired.
   *
   * @param now ms since 1970
   */
  verify(token: string, now: number): string | undefined {
    const [, claim, approvalId, expires, mac] =
      /^(([0-9a-f-]{36})\.([0-9a-z]{1,9}))\.([\w-]{43})$/.exec(token) ?? [];
    if (claim === undefined || approvalId === undefined || expires === undefined || mac === undefined) {
      return undefined;
    }
    // Compared as text: base64 has several spellings of the same bytes, and only the signed spelling is valid.
    if (!timingSafeEqual(Buffer.from(this.#mac(claim)), Buffer.from(mac))) return undefined;
    return Number.parseInt(expires, 36) * 1000 > now ? approvalId : undefined;
  }

  #mac(claim: string): string {
    return createHmac("sha256", this.key).update(`approval link\n${claim}`).digest("base64url");
  }
}

/** Whether a path belongs to a link's page, which needs no key; the paths around it do. */
export function isLinkPath(path: string): boolean {
  return LINK_PAGE.test(path);
}

/** The token in the path of a link's page. */
export function tokenIn(path: string): string {
  return path.slice(LINK_PATH.length + 1).replace(/\/$/, "");
}

const LINK_PAGE = new RegExp(`^${LINK_PATH}/[^/]+/?$`);

/** Matches up to the end of the path, or of the JSON string that contains it. */
const TOKEN_IN_PATH = new RegExp(`${LINK_PATH}/[^/?#"\\\\\\s]+`, "gi");

const TOKEN = /[0-9a-f-]{36}\.[0-9a-z]{1,9}\.[\w-]{43}/g;

/** Removes the tokens of links from a path, or from a text with paths in it, for logs. */
export function redactTokens(text: string): string {
  if (text.length <= LINK_PATH.length) return text;
  const clean = text.replace(TOKEN_IN_PATH, `${LINK_PATH}/[token]`);
  return clean.includes(".") ? clean.replace(TOKEN, "[token]") : clean;
}
