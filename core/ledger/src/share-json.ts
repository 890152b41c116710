import type { Tokens } from "@claudeway/schemas";
import type { Booked, Share } from "./shares.js";

type ShareTuple = readonly [
  model: string,
  input: number,
  output: number,
  cacheRead: number,
  cacheWrite: number,
  costNano: number,
  priced: boolean,
];

/** The shares of a turn as stored in its row; for a turn with one model, only the model's name. */
export function sharesToJson({ shares }: Booked): string {
  const [main, ...others] = shares;
  return JSON.stringify(others.length === 0 ? main.model : shares.map(toTuple));
}

/** `whole` is the usage in the turn's row. */
export function sharesFromJson(json: string, whole: Omit<Booked, "mainModel" | "shares">): readonly Share[] {
  const kept: string | readonly ShareTuple[] = JSON.parse(json);
  if (typeof kept !== "string") return kept.map(fromTuple);
  return [{ model: kept, tokens: whole.tokens, costNano: whole.costNano, priced: !whole.unpriced }];
}

function toTuple({ model, tokens, costNano, priced }: Share): ShareTuple {
  return [model, tokens.input, tokens.output, tokens.cache_read, tokens.cache_write, costNano, priced];
}

function fromTuple([model, input, output, cacheRead, cacheWrite, costNano, priced]: ShareTuple): Share {
  const tokens: Tokens = { input, output, cache_read: cacheRead, cache_write: cacheWrite };
  return { model, tokens, costNano, priced };
}
