import type { ModelShare, TurnUsage } from "@claudeway/ports";
import type { Tokens } from "@claudeway/schemas";
import { nanoOf, usdOf } from "./money.js";

/** The recorded usage of one model in a turn. */
export interface Share {
  readonly model: string;
  readonly tokens: Tokens;
  readonly costNano: number;
  /** If false, the price is unknown and `costNano` is 0. */
  readonly priced: boolean;
}

/** The recorded usage of a turn. The shares add up to the whole exactly. */
export interface Booked {
  readonly tokens: Tokens;
  readonly costNano: number;
  readonly estimated: boolean;
  /** True if a part of the price is unknown and not in `costNano`. */
  readonly unpriced: boolean;
  readonly mainModel: string;
  /** The shares, beginning with the main model's, which exists even if nothing was used. */
  readonly shares: readonly [Share, ...Share[]];
}

const NO_TOKENS: Tokens = { input: 0, output: 0, cache_read: 0, cache_write: 0 };

/**
 * Splits a turn's usage among its models. `model` is the one that answered or was requested. Usage that no share covers
 * (all of it, if there are no shares) is assigned to the main model.
 */
export function book(usage: TurnUsage, model: string): Booked {
  const mainModel = mainModelOf(usage, model);
  const others = Object.entries(usage.byModel)
    .filter(([name]) => name !== mainModel)
    .map(([name, share]) => toShare(name, share));
  const given = Object.hasOwn(usage.byModel, mainModel) ? usage.byModel[mainModel] : undefined;
  const own = toShare(mainModel, given ?? { tokens: NO_TOKENS, costUsd: usage.costUsd });
  const rest = sumOf(others);
  const unpriced = usage.costUsd === null && hasTokens(usage.tokens);
  const costNano = usage.costUsd === null ? own.costNano + rest.costNano : nanoOf(usage.costUsd);
  const main: Share = {
    model: mainModel,
    tokens: combine(usage.tokens, rest.tokens, -1),
    costNano: costNano - rest.costNano,
    priced: own.priced || usage.costUsd !== null,
  };
  const { tokens, estimated } = usage;
  return { tokens, costNano, estimated, unpriced, mainModel, shares: [main, ...others] };
}

/** The main model of usage that is of one model: `book` takes it whatever was asked for. Undefined for any other. */
export function onlyModelOf({ byModel }: TurnUsage): string | undefined {
  const [first, ...others] = Object.keys(byModel);
  return others.length === 0 ? first : undefined;
}

/** Adds two parts of one turn; `first` is the earlier one and has the turn's model. */
export function join(first: Booked, second: Booked): Booked {
  return sumUp(first.mainModel, first, second, 1);
}

/** Subtracts a part from the whole turn; the result keeps all models and flags of the whole. */
export function restOf(whole: Booked, part: Booked): Booked {
  const rest = sumUp(whole.mainModel, whole, part, -1);
  return { ...rest, estimated: whole.estimated, unpriced: whole.unpriced };
}

function sumUp(mainModel: string, a: Booked, b: Booked, sign: 1 | -1): Booked {
  const others = new Set(
    [...a.shares, ...b.shares].map(({ model }) => model).filter((name) => name !== mainModel),
  );
  const shareOf = (model: string): Share => {
    const one = a.shares.find((share) => share.model === model);
    const two = b.shares.find((share) => share.model === model);
    return {
      model,
      tokens: combine(one?.tokens ?? NO_TOKENS, two?.tokens ?? NO_TOKENS, sign),
      costNano: (one?.costNano ?? 0) + sign * (two?.costNano ?? 0),
      priced: (one?.priced ?? true) && (two?.priced ?? true),
    };
  };
  return {
    tokens: combine(a.tokens, b.tokens, sign),
    costNano: a.costNano + sign * b.costNano,
    estimated: a.estimated || b.estimated,
    unpriced: a.unpriced || b.unpriced,
    mainModel,
    shares: [shareOf(mainModel), ...[...others].map(shareOf)],
  };
}

/** The usage in the form of the public interface. */
export function toUsage(whole: Omit<Booked, "mainModel" | "shares">, shares: readonly Share[]): TurnUsage {
  return {
    tokens: whole.tokens,
    costUsd: whole.unpriced ? null : usdOf(whole.costNano),
    estimated: whole.estimated,
    byModel: Object.fromEntries(
      shares
        .filter((share) => hasTokens(share.tokens) || share.costNano !== 0)
        .map(({ model, tokens, costNano, priced }) => [
          model,
          { tokens, costUsd: priced ? usdOf(costNano) : null },
        ]),
    ),
  };
}

export function hasTokens(tokens: Tokens): boolean {
  return tokens.input + tokens.output + tokens.cache_read + tokens.cache_write > 0;
}

/** `asked` may be an alias that matches no share: then the model of the most expensive share is the turn's. */
function mainModelOf({ byModel }: TurnUsage, asked: string): string {
  if (Object.hasOwn(byModel, asked)) return asked;
  const shares = Object.entries(byModel).sort(([, a], [, b]) => weight(b) - weight(a));
  return shares[0]?.[0] ?? asked;
}

function weight({ tokens, costUsd }: ModelShare): number {
  // Compares cost; if unknown, output tokens, which are the most expensive ones of every model.
  return (costUsd ?? 0) + tokens.output * 1e-9;
}

function toShare(model: string, { tokens, costUsd }: ModelShare): Share {
  return { model, tokens, costNano: costUsd === null ? 0 : nanoOf(costUsd), priced: costUsd !== null };
}

function sumOf(shares: readonly Share[]): { readonly tokens: Tokens; readonly costNano: number } {
  return {
    tokens: shares.reduce((sum, share) => combine(sum, share.tokens, 1), NO_TOKENS),
    costNano: shares.reduce((sum, share) => sum + share.costNano, 0),
  };
}

function combine(a: Tokens, b: Tokens, sign: 1 | -1): Tokens {
  return {
    input: a.input + sign * b.input,
    output: a.output + sign * b.output,
    cache_read: a.cache_read + sign * b.cache_read,
    cache_write: a.cache_write + sign * b.cache_write,
  };
}
