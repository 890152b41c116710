import { Readable } from "node:stream";
import type { Caller, RouteContext, RouteState } from "@claudeway/core";
import type { RouterContext } from "@koa/router";

export type Context = RouterContext<RouteState, RouteContext>;

/** Bytes of answers to a key that its clients may leave unread. */
const MAX_UNREAD = 64 * 1024 * 1024;

/** The open responses to each key: what their clients do not read stays in memory. */
export class UnreadAnswers {
  readonly #open = new Map<string, Set<Context>>();

  /** Counts a response until `close` is called. */
  add({ keyId }: Caller, ctx: Context): { readonly close: () => void } {
    const open = this.#open.get(keyId) ?? new Set();
    this.#open.set(keyId, open.add(ctx));
    const close = () => {
      open.delete(ctx);
      if (open.size === 0) this.#open.delete(keyId);
    };
    return { close };
  }

  /** Whether the key may have no further answer before its clients have read others. */
  isFull({ keyId }: Caller): boolean {
    let bytes = 0;
    for (const ctx of this.#open.get(keyId) ?? []) bytes += unreadOf(ctx);
    return bytes >= MAX_UNREAD;
  }
}

function unreadOf({ res, body }: Context): number {
  return res.writableLength + (body instanceof Readable ? body.readableLength : 0);
}
