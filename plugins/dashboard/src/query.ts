import { Refusal } from "@claudeway/core";
import { bodyOf, type Context } from "./access/request.js";

/** A time in UTC. */
export const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?Z$/;

/** A query parameter; undefined if missing or empty. */
export function text(ctx: Context, name: string): string | undefined {
  const given = ctx.query[name];
  if (Array.isArray(given)) throw new Refusal(400, `${name} must be given once, got ${given.length} values`);
  return given === "" ? undefined : given;
}

export function wholeNumber(ctx: Context, name: string, standard: number, most: number): number {
  const given = text(ctx, name);
  if (given === undefined) return standard;
  const number = /^\d{1,9}$/.test(given) ? Number(given) : 0;
  if (number >= 1 && number <= most) return number;
  throw new Refusal(400, `${name} must be an integer from 1 to ${most}, got ${JSON.stringify(given)}`);
}

export function matching(ctx: Context, name: string, pattern: RegExp, allowed: string): string | undefined {
  const given = text(ctx, name);
  if (given === undefined || pattern.test(given)) return given;
  throw new Refusal(400, `${name} must be ${allowed}, got ${JSON.stringify(given.slice(0, 80))}`);
}

export function oneOf<Word extends string>(
  ctx: Context,
  name: string,
  words: readonly Word[],
): Word | undefined {
  const given = text(ctx, name);
  const word = words.find((one) => one === given);
  if (given === undefined || word !== undefined) return word;
  throw new Refusal(
    400,
    `${name} must be ${words.slice(0, -1).join(", ")} or ${words.at(-1)}, got ${JSON.stringify(given.slice(0, 80))}`,
  );
}

/** A query parameter that may be repeated. */
export function allMatching(
  ctx: Context,
  name: string,
  { pattern, allowed, most }: { readonly pattern: RegExp; readonly allowed: string; readonly most: number },
): string[] {
  const values = [ctx.query[name] ?? []].flat().filter((value) => value !== "");
  const wrong = values.find((value) => !pattern.test(value));
  if (wrong !== undefined) {
    throw new Refusal(400, `${name} must be ${allowed}, got ${JSON.stringify(wrong.slice(0, 80))}`);
  }
  if (values.length > most)
    throw new Refusal(400, `${name} must be given at most ${most} times, got ${values.length}`);
  return values;
}

/** The body, which must be a JSON object. */
export function objectIn(ctx: Context): Readonly<Record<string, unknown>> {
  const body = bodyOf(ctx);
  if (typeof body === "object" && body !== null && !Array.isArray(body)) return { ...body };
  throw new Refusal(400, "the body must be a JSON object");
}

/** A path parameter. */
export function param(ctx: Context, name: string): string {
  return ctx.params[name] ?? "";
}
