import { isAbsolute } from "node:path";
import { isObject } from "@claudeway/schemas";
import { isRefusal, type Refusal } from "../../errors.js";
import type { Verdict } from "../../ports/approvals.js";
import type { SpawnOptions, SpawnPlan } from "../../ports/engine.js";
import type { TurnPlan } from "../../ports/turns.js";

/*
 * What taps answer, checked where it is still known whose answer it is. A plugin in plain JavaScript gets no help from
 * the types, and a plan with a hole in it would break far from here: after the model was paid.
 */

/** A tap answered what its hook does not accept. */
export class AnswerError extends Error {
  override readonly name = "AnswerError";
}

/** Throws if a tap's answer is not valid for its hook; otherwise returns the answer to pass on. */
export type AnswerCheck<R> = (answer: R) => R;

/** A refusal with all that the gateway reads of it; another copy of the package may have made it. */
export function isSoundRefusal(value: unknown): value is Refusal {
  return (
    isRefusal(value) &&
    Number.isInteger(value.status) &&
    value.status >= 400 &&
    value.status <= 499 &&
    typeof value.reason === "string" &&
    typeof value.options === "object" &&
    value.options !== null
  );
}

export function checkRefusal(answer: Refusal): Refusal {
  if (isSoundRefusal(answer)) return answer;
  throw new AnswerError(`answered ${kindOf(answer)}; it takes a Refusal or nothing`);
}

const VERDICTS: readonly unknown[] = ["allow", "ask", "deny"];

/** Throws if the answer is not a valid verdict: something that only resembles "allow" must not let a call through. */
export function checkVerdict(answer: Verdict): Verdict {
  if (typeof answer !== "object" || answer === null || !VERDICTS.includes(answer.verdict)) {
    throw new AnswerError('answered no verdict; it takes { verdict: "allow" | "ask" | "deny" } or nothing');
  }
  if (answer.verdict === "deny" && typeof answer.message !== "string") {
    throw new AnswerError("denied without a message; the model needs one");
  }
  if (answer.verdict === "ask") checkTerms(answer);
  return answer;
}

function checkTerms(terms: Extract<Verdict, { verdict: "ask" }>): void {
  for (const name of ["liveWaitSecs", "expiresSecs", "maxHoldSecs"] as const) {
    const secs = terms[name];
    if (secs !== undefined && !(typeof secs === "number" && secs >= 0 && Number.isFinite(secs))) {
      throw new AnswerError(`asked with ${name} ${JSON.stringify(secs)}; it takes a number of seconds`);
    }
  }
  const { deciders } = terms;
  if (
    deciders !== undefined &&
    !(Array.isArray(deciders) && deciders.every((one) => typeof one === "string"))
  ) {
    throw new AnswerError("asked with deciders that are no list of names");
  }
}

/** Checks the plan that a tap made of the one it was given. */
export type PlanCheck<T> = (answer: T, given: T) => T;

export function checkTurnPlan(answer: TurnPlan, given: TurnPlan): TurnPlan {
  return checkedCopy(answer, given, TURN_PLAN);
}

export function checkSpawnPlan(answer: SpawnPlan, given: SpawnPlan): SpawnPlan {
  const plan = checkedCopy(answer, given, SPAWN_PLAN);
  const options = checkedCopy(plan.options, given.options, SPAWN_OPTIONS, "options.");
  return options === plan.options ? plan : Object.freeze({ ...plan, options });
}

interface Field {
  readonly takes: string;
  fits(value: unknown): boolean;
}
type Fields<T> = { readonly [K in keyof Required<T>]: Field };

const STRING: Field = { takes: "a string", fits: (value) => typeof value === "string" };
const NAME: Field = {
  takes: "a string that is not empty",
  fits: (value) => typeof value === "string" && value !== "",
};
const FOLDER: Field = {
  takes: "an absolute path",
  fits: (value) => typeof value === "string" && isAbsolute(value),
};
const STRINGS: Field = {
  takes: "a list of strings",
  fits: (value) => Array.isArray(value) && value.every((one) => typeof one === "string"),
};
const VARIABLES: Field = {
  takes: "an object of strings",
  fits: (value) => isObject(value) && Object.values(value).every((one) => typeof one === "string"),
};
const OBJECT: Field = { takes: "an object", fits: isObject };
const FLAG: Field = { takes: "true or false", fits: (value) => typeof value === "boolean" };
/** Node calls a timer at once that is set for later than this. */
const MAX_TIMER_MS = 2 ** 31 - 1;
const MILLISECONDS: Field = {
  takes: `milliseconds, more than 0 and at most ${MAX_TIMER_MS}`,
  fits: (value) => typeof value === "number" && value > 0 && value <= MAX_TIMER_MS,
};
const MONEY: Field = {
  takes: "USD, more than 0",
  fits: (value) => typeof value === "number" && value > 0 && Number.isFinite(value),
};
const COUNT: Field = {
  takes: "a whole number above 0",
  fits: (value) => typeof value === "number" && Number.isSafeInteger(value) && value > 0,
};

const TURN_PLAN: Fields<TurnPlan> = {
  prompt: STRING,
  model: NAME,
  systemPrompt: orNothing(STRING),
  workdir: FOLDER,
  timeoutMs: MILLISECONDS,
  verbatim: FLAG,
  maxBudgetUsd: orNothing(MONEY),
};

const USER_ID: Field = {
  takes: "the id of a user, a whole number from 0 on",
  fits: (value) => typeof value === "number" && Number.isSafeInteger(value) && value >= 0,
};

const SPAWN_PLAN: Fields<SpawnPlan> = {
  command: NAME,
  args: STRINGS,
  env: VARIABLES,
  cwd: FOLDER,
  options: OBJECT,
  uid: orNothing(USER_ID),
};

const SPAWN_OPTIONS: Fields<SpawnOptions> = {
  allowedTools: orNothing(STRINGS),
  disallowedTools: orNothing(STRINGS),
  additionalDirectories: orNothing(STRINGS),
  maxTurns: orNothing(COUNT),
  fallbackModel: orNothing(NAME),
};

function orNothing({ takes, fits }: Field): Field {
  return { takes: `${takes}, or nothing`, fits: (value) => value === undefined || fits(value) };
}

/**
 * A copy: what is read from here on is what was checked, whatever getters or proxies the plugin answered with. What is
 * still as it was given needs no second look.
 */
function checkedCopy<T extends object>(answer: T, given: T, fields: Fields<T>, within = ""): T {
  if (answer === given) return given;
  if (!isObject(answer)) throw new AnswerError(`answered ${kindOf(answer)}; it takes a plan or nothing`);
  if (isRefusal(answer)) throw new AnswerError("returned a Refusal; on this hook it is thrown");
  const copy = { ...answer };
  for (const [name, { takes, fits }] of Object.entries<Field>(fields)) {
    const found: unknown = Reflect.get(copy, name);
    if (found !== Reflect.get(given, name) && !fits(found)) {
      throw new AnswerError(`answered a plan whose ${within}${name} is ${foundIn(found)}; it takes ${takes}`);
    }
  }
  return Object.freeze(copy);
}

/** What was found, in words: never a text itself, it may be a prompt or a secret of the environment. */
function foundIn(value: unknown): string {
  if (value === "") return "an empty string";
  return value === undefined || typeof value === "number" ? String(value) : kindOf(value);
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (isRefusal(value)) return "a Refusal without a status of 400 to 499, a reason and options";
  return Array.isArray(value) ? "a list" : typeof value === "object" ? "an object" : `a ${typeof value}`;
}
