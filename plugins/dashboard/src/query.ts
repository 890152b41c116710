import { Refusal } from "@claudeway/core";
import type { Context } from "./access/request.js";

/** A parameter of the query string; undefined where it is missing or empty. */
export function text(ctx: Context, name: string): string | undefined {
  const given = ctx.query[name];
  if (Array.isArray(given)) throw new Refusal(400, `${name}: is there more than once`);
  return given === "" ? undefined : given;
}

export function wholeNumber(ctx: Context, name: string, standard: number, most: number): number {
  const given = text(ctx, name);
  if (given === undefined) return standard;
  const number = /^\d{1,9}$/.test(given) ? Number(given) : 0;
  if (number >= 1 && number <= most) return number;
  throw new Refusal(400, `${name}: is ${JSON.stringify(given)}; it takes a whole number from 1 to ${most}`);
}

export function matching(ctx: Context, name: string, pattern: RegExp, takes: string): string | undefined {
  const given = text(ctx, name);
  if (given === undefined || pattern.test(given)) return given;
  throw new Refusal(400, `${name}: is ${JSON.stringify(given.slice(0, 80))}; it takes ${takes}`);
}

export function oneOf<Word extends string>(
  ctx: Context,
  name: string,
  words: readonly Word[],
): Word | undefined {
  const given = text(ctx, name);
  const word = words.find((one) => one === given);
  if (given === undefined || word !== undefined) return word;
  throw new Refusal(400, `${name}: is ${JSON.stringify(given.slice(0, 80))}; it takes ${words.join(", ")}`);
}

/** A parameter that may be there several times. */
export function allMatching(
  ctx: Context,
  name: string,
  { pattern, takes, most }: { readonly pattern: RegExp; readonly takes: string; readonly most: number },
): string[] {
  const values = [ctx.query[name] ?? []].flat().filter((value) => value !== "");
  const wrong = values.find((value) => !pattern.test(value));
  if (wrong !== undefined) {
    throw new Refusal(400, `${name}: is ${JSON.stringify(wrong.slice(0, 80))}; it takes ${takes}`);
  }
  if (values.length > most)
    throw new Refusal(400, `${name}: is there ${values.length} times; ${most} are the most`);
  return values;
}

/** A part of the path. */
export function param(ctx: Context, name: string): string {
  return ctx.params[name] ?? "";
}
