import { clientError } from "@claudeway/ports";
import type { GatewayContext } from "./context.js";

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Whether a text has the form of an id. */
export function isId(text: string): boolean {
  return UUID.test(text);
}

/** The `:id` of a path. Throws NOT_FOUND if it does not have the form of an id. */
export function idOf(
  ctx: GatewayContext & { readonly params: Readonly<Record<string, string>> },
  what: "session" | "turn" | "approval" | "grant",
): string {
  const { id } = ctx.params;
  if (id !== undefined && isId(id)) return id;
  throw clientError("NOT_FOUND", `no such ${what}`);
}
