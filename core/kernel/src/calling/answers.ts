import { isAbsolute } from "node:path";
import { isKeyId, KEY_ID_FORM } from "@claudeway/config";
import {
  type Caller,
  isRefusal,
  type Refusal,
  type SpawnOptions,
  type SpawnPlan,
  type TurnPlan,
  type Verdict,
} from "@claudeway/ports";
import { isObject, validate } from "@claudeway/schemas";
import { isContent, withSameText } from "../content.js";
import type { KeyDescription } from "../hooks.js";
import { isTurnOptions } from "../option-fields.js";

/*
 * Checks the answers of taps while it is known which plugin answered. Types do not protect plugins in plain JavaScript,
 * and an invalid plan would otherwise fail much later, after the model was paid.
 */

/** A tap's answer is not valid for its hook. */
export class AnswerError extends Error {
  override readonly name = "AnswerError";
}

/** Throws if a tap's answer is not valid for its hook; otherwise returns the answer to pass on. */
export type AnswerCheck<R> = (answer: R) => R;

/** Whether this is a refusal with every field that the gateway reads; another copy of the package may have created it. */
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
  throw new AnswerError(`the answer must be a Refusal or nothing, got ${kindOf(answer)}`);
}

/** Throws unless the answer of a `describeKey` tap is an object. */
export function checkDescription(answer: KeyDescription): KeyDescription {
  if (isObject(answer) && !isRefusal(answer)) return answer;
  throw new AnswerError(`the answer must be the description, or nothing, got ${kindOf(answer)}`);
}

/** Throws if the answer is not an absolute path. */
export function checkFolder(answer: string): string {
  if (typeof answer === "string" && isAbsolute(answer)) return answer;
  if (isRefusal(answer)) throw new AnswerError("a Refusal must be thrown on this hook, not returned");
  throw new AnswerError(`the answer must be an absolute path or nothing, got ${kindOf(answer)}`);
}

/** Checks the answer of an `authenticate` tap. */
export function checkSender(answer: Caller | Refusal): Caller | Refusal {
  return isSoundRefusal(answer) ? answer : checkCaller(answer);
}

/** Throws unless this is a caller. Its key id names a folder, and what only resembles `admin: true` must not be one. */
export function checkCaller(answer: Caller): Caller {
  if (!isObject(answer) || typeof answer["keyId"] !== "string" || typeof answer["admin"] !== "boolean") {
    throw new AnswerError(`a caller must be { keyId: string, admin: boolean }, got ${kindOf(answer)}`);
  }
  const { keyId, admin, unrecorded } = answer;
  if (!isKeyId(keyId)) throw new AnswerError(`the caller's keyId must have ${KEY_ID_FORM}`);
  return Object.freeze({ keyId, admin, ...(unrecorded === true && { unrecorded }) });
}

const VERDICTS: readonly unknown[] = ["allow", "ask", "deny"];

/** Throws if the answer is not a valid verdict: something that only resembles "allow" must not let a call through. */
export function checkVerdict(answer: Verdict): Verdict {
  if (typeof answer !== "object" || answer === null || !VERDICTS.includes(answer.verdict)) {
    throw new AnswerError('the answer must be { verdict: "allow" | "ask" | "deny" } or nothing');
  }
  if (answer.verdict === "deny" && typeof answer.message !== "string") {
    throw new AnswerError("a denial must have a message, which the model reads");
  }
  if (answer.verdict === "ask") checkTerms(answer);
  return answer;
}

function checkTerms(terms: Extract<Verdict, { verdict: "ask" }>): void {
  for (const name of ["liveWaitSecs", "expiresSecs", "maxHoldSecs"] as const) {
    const secs = terms[name];
    if (secs !== undefined && !(typeof secs === "number" && secs >= 0 && Number.isFinite(secs))) {
      throw new AnswerError(`${name} must be a number of seconds, got ${JSON.stringify(secs)}`);
    }
  }
  const { deciders } = terms;
  if (
    deciders !== undefined &&
    !(Array.isArray(deciders) && deciders.every((one) => typeof one === "string"))
  ) {
    throw new AnswerError("deciders must be a list of names");
  }
}

/** Checks the plan that a tap returned for the plan it was given. */
export type PlanCheck<T> = (answer: T, given: T) => T;

export function checkTurnPlan(answer: TurnPlan, given: TurnPlan): TurnPlan {
  const plan = checkedCopy(answer, given, TURN_PLAN);
  const same = withSameText(plan, given);
  return same === plan ? plan : Object.freeze(same);
}

export function checkSpawnPlan(answer: SpawnPlan, given: SpawnPlan): SpawnPlan {
  const plan = checkedCopy(answer, given, SPAWN_PLAN);
  const options = checkedCopy(plan.options, given.options, SPAWN_OPTIONS, "options.");
  return options === plan.options ? plan : Object.freeze({ ...plan, options });
}

interface Field {
  /** What the field must be, in words. */
  readonly expected: string;
  fits(value: unknown): boolean;
}
type Fields<T> = { readonly [K in keyof Required<T>]: Field };

const STRING: Field = { expected: "a string", fits: (value) => typeof value === "string" };
const NAME: Field = {
  expected: "a non-empty string",
  fits: (value) => typeof value === "string" && value !== "",
};
const FOLDER: Field = {
  expected: "an absolute path",
  fits: (value) => typeof value === "string" && isAbsolute(value),
};
const STRINGS: Field = {
  expected: "a list of strings",
  fits: (value) => Array.isArray(value) && value.every((one) => typeof one === "string"),
};
const VARIABLES: Field = {
  expected: "an object of strings",
  fits: (value) => isObject(value) && Object.values(value).every((one) => typeof one === "string"),
};
const OBJECT: Field = { expected: "an object", fits: isObject };
const FLAG: Field = { expected: "true or false", fits: (value) => typeof value === "boolean" };
/** Node fires timers with a longer delay at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;
const MILLISECONDS: Field = {
  expected: `milliseconds, greater than 0 and at most ${MAX_TIMER_MS}`,
  fits: (value) => typeof value === "number" && value > 0 && value <= MAX_TIMER_MS,
};
const MONEY: Field = {
  expected: "USD, greater than 0",
  fits: (value) => typeof value === "number" && value > 0 && Number.isFinite(value),
};
const COUNT: Field = {
  expected: "an integer greater than 0",
  fits: (value) => typeof value === "number" && Number.isSafeInteger(value) && value > 0,
};

const OPTIONS: Field = {
  expected: "options as a request may have them, folders as absolute paths",
  fits: isTurnOptions,
};

const EVENTS: Field = {
  expected: "a list of kinds of events",
  fits: (value) => Array.isArray(value) && validate("event-selection", value).ok,
};

const CONTENT: Field = { expected: "a list of content blocks", fits: isContent };

const LIMIT_WAIT: Field = {
  expected: "{ maxMs, weekly }, milliseconds and whether weekly limits count",
  fits: (value) => isObject(value) && COUNT.fits(value["maxMs"]) && typeof value["weekly"] === "boolean",
};

const TURN_PLAN: Fields<TurnPlan> = {
  prompt: STRING,
  content: orNothing(CONTENT),
  model: NAME,
  systemPrompt: orNothing(STRING),
  workdir: FOLDER,
  timeoutMs: MILLISECONDS,
  verbatim: FLAG,
  maxBudgetUsd: orNothing(MONEY),
  limitWait: orNothing(LIMIT_WAIT),
  options: orNothing(OPTIONS),
  events: orNothing(EVENTS),
};

const USER_ID: Field = {
  expected: "a user id, an integer of at least 0",
  fits: (value) => typeof value === "number" && Number.isSafeInteger(value) && value >= 0,
};

const SPAWN_PLAN: Fields<SpawnPlan> = {
  command: NAME,
  args: STRINGS,
  env: VARIABLES,
  cwd: FOLDER,
  options: OBJECT,
  uid: orNothing(USER_ID),
  account: orNothing(NAME),
};

const SPAWN_OPTIONS: Fields<SpawnOptions> = {
  allowedTools: orNothing(STRINGS),
  disallowedTools: orNothing(STRINGS),
  additionalDirectories: orNothing(STRINGS),
  maxTurns: orNothing(COUNT),
  fallbackModel: orNothing(NAME),
};

function orNothing({ expected, fits }: Field): Field {
  return { expected: `${expected}, or nothing`, fits: (value) => value === undefined || fits(value) };
}

/**
 * Returns a copy, so that the values read later are the checked ones even if the plugin answered with getters or proxies.
 * Unchanged fields are not checked again.
 */
function checkedCopy<T extends object>(answer: T, given: T, fields: Fields<T>, within = ""): T {
  if (answer === given) return given;
  if (!isObject(answer)) throw new AnswerError(`the answer must be a plan or nothing, got ${kindOf(answer)}`);
  if (isRefusal(answer)) throw new AnswerError("a Refusal must be thrown on this hook, not returned");
  const copy = { ...answer };
  for (const [name, { expected, fits }] of Object.entries<Field>(fields)) {
    const found: unknown = Reflect.get(copy, name);
    if (found !== Reflect.get(given, name) && !fits(found)) {
      throw new AnswerError(`the plan's ${within}${name} must be ${expected}, got ${foundIn(found)}`);
    }
  }
  return Object.freeze(copy);
}

/** Describes a value without showing a text, which may be a prompt or a secret of the environment. */
function foundIn(value: unknown): string {
  if (value === "") return "an empty string";
  return value === undefined || typeof value === "number" ? String(value) : kindOf(value);
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (isRefusal(value)) return "a Refusal without a status of 400 to 499, a reason and options";
  return Array.isArray(value) ? "a list" : typeof value === "object" ? "an object" : `a ${typeof value}`;
}
