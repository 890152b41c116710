import type { TurnHandle, TurnResponse } from "@claudeway/core";
import { invalid, isFields } from "./fields.js";

/** Why a request of a chat failed on Claude's side, for any dialect. */
export class ChatFailure extends Error {
  override readonly name = "ChatFailure";

  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** Seconds after which another try makes sense; undefined: clients should not repeat the request by themselves. */
    readonly retryAfterSecs?: number,
  ) {
    super(message);
  }
}

/** The status of each failure, and after how many seconds a client may try again. */
const FAILURES: Readonly<Record<string, readonly [status: number, retryAfterSecs?: number]>> = {
  USAGE_LIMIT: [429],
  RATE_LIMITED: [429, 10],
  OVERLOADED: [503, 10],
  API_UNREACHABLE: [502, 10],
  AUTHENTICATION_FAILED: [502],
  MODEL_UNAVAILABLE: [404],
  CONTEXT_TOO_LONG: [400],
  INVALID_REQUEST: [400],
  REFUSED: [400],
  OUTPUT_INVALID: [502],
  BUDGET_EXCEEDED: [402],
};

/** A turn's answer. A turn that ran out of time while a failing request was repeated fails for that request's cause. */
export async function answerIn(handle: TurnHandle): Promise<TurnResponse> {
  const answer = await handle.answer;
  const { code, cause } = answer;
  if (code === "TIMEOUT" && cause !== undefined && Object.hasOwn(FAILURES, cause))
    return { ...answer, code: cause };
  return handle.result();
}

/**
 * The failure of a turn that did not succeed. It says when to try again only where the model has delivered nothing: clients
 * would repeat, and pay for, all that the turn did.
 */
export function failureOf(
  { code = "FAILED", error, resets_at, tokens }: TurnResponse,
  now = Date.now(),
): ChatFailure {
  const [status, retryAfterSecs] = FAILURES[code] ?? [500];
  const untilReset =
    resets_at === undefined ? undefined : Math.max(1, Math.ceil((Date.parse(resets_at) - now) / 1000));
  const after = tokens.output === 0 ? (untilReset ?? retryAfterSecs) : undefined;
  return new ChatFailure(status, code, reasonIn(error ?? ""), after);
}

const STATUS = /^API Error:\s*(?:\d{3}\b\s*)?/;
/** The operator's business, with an address of theirs. */
const ADVICE = / If it persists, check your inference gateway \([^)]*\)\.$/;

/** The model API's own message, in what the CLI says of it. */
function reasonIn(error: string): string {
  const text = error.replace(STATUS, "").replace(ADVICE, "").trim();
  return messageIn(text) ?? (text === "" ? error || "the turn failed" : text);
}

/** The message of an error in the API's format. */
function messageIn(text: string): string | undefined {
  if (!text.startsWith("{")) return undefined;
  try {
    const body: unknown = JSON.parse(text);
    const error = isFields(body) ? body["error"] : undefined;
    const message = isFields(error) ? error["message"] : undefined;
    return typeof message === "string" ? message : undefined;
  } catch {
    return undefined;
  }
}

/**
 * An error in the words of a dialect: one of the gateway's own fields is called what the client calls it.
 * @param schemaParam what the client calls the schema of its answer
 */
export function toClientError(error: unknown, schemaParam: string): unknown {
  if (!(error instanceof Error) || error instanceof ChatFailure) return error;
  const { code } = { code: undefined, ...error };
  const [, field, rest] =
    /^(output_schema|model|prompt|history\[\d+\])(?!\w)\S*\s([\s\S]+)$/.exec(error.message) ?? [];
  if (code !== "BAD_REQUEST" || field === undefined || rest === undefined) return error;
  const names: Readonly<Record<string, string>> = { output_schema: schemaParam, model: field };
  return invalid(names[field] ?? "messages", rest);
}

/** Whether an error says when a client may try again. */
export function saysWhen(error: unknown): boolean {
  if (error instanceof ChatFailure) return error.retryAfterSecs !== undefined;
  const options =
    error instanceof Error && "options" in error && isFields(error.options) ? error.options : {};
  return isFields(options["headers"]) && options["headers"]["retry-after"] !== undefined;
}

/** What a client may know of an error. */
export interface StreamError {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/** The same of an error that has a status: a failure, a refusal or an error of the gateway. */
export function errorIn(error: unknown): StreamError | undefined {
  if (!(error instanceof Error && "status" in error)) return undefined;
  const { status, message } = error;
  if (typeof status !== "number") return undefined;
  return { status, message, code: ownCodeOf(error) ?? ("code" in error ? String(error.code) : "REFUSED") };
}

/** The code that a plugin chose for its refusal. */
function ownCodeOf(error: Error): string | undefined {
  const options = "options" in error && isFields(error.options) ? error.options : {};
  const code = options["ownCode"] ?? options["code"];
  return typeof code === "string" ? code : undefined;
}
