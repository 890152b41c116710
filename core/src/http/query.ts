import { clientError } from "@claudeway/ports";
import { validateInPlace } from "@claudeway/schemas";
import type { GatewayContext } from "./context.js";

/** The page of a list: `?page` (default 1) and `?limit` (default 20). Throws BAD_REQUEST. */
export function pageOf(ctx: GatewayContext): { readonly page: number; readonly limit: number } {
  return { page: wholeNumber(ctx, "page", 1, 1_000_000), limit: wholeNumber(ctx, "limit", 20, 1000) };
}

const METADATA = "metadata.";

/** The pairs of `?metadata.<name>=<value>`; undefined if there are none. Throws BAD_REQUEST. */
export function metadataOf(ctx: GatewayContext): Readonly<Record<string, string>> | undefined {
  const pairs = Object.entries(ctx.query).filter(([name]) => name.startsWith(METADATA));
  if (pairs.length === 0) return undefined;
  const named = pairs.map(([name, value]) => [name.slice(METADATA.length), value]);
  const checked = validateInPlace("metadata", Object.fromEntries(named), { path: "metadata" });
  if (!checked.ok) throw clientError("BAD_REQUEST", checked.message);
  return checked.value;
}

/** Reads an integer of at least 1 from the query string. Throws BAD_REQUEST. */
function wholeNumber(ctx: GatewayContext, name: string, standard: number, most: number): number {
  const given = ctx.query[name];
  if (given === undefined) return standard;
  const number = typeof given === "string" && /^\d{1,9}$/.test(given) ? Number(given) : Number.NaN;
  if (number >= 1 && number <= most) return number;
  throw clientError(
    "BAD_REQUEST",
    `${name} must be an integer from 1 to ${most}, got ${JSON.stringify(given)}`,
  );
}
