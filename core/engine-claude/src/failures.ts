import type {
  SDKAssistantMessage,
  SDKMessage,
  SDKRateLimitInfo,
  SDKResultMessage,
} from "@anthropic-ai/claude-agent-sdk";
import type { Failure } from "@claudeway/ports";
import { type FailureCode, isObject } from "@claudeway/schemas";

/** What an operator has to do where the account is refused. */
const LOGIN_ADVICE = "the operator of the gateway must run `claudeway login`, or set ANTHROPIC_API_KEY";

type ErrorName = NonNullable<SDKAssistantMessage["error"]>;

/** The CLI's names for errors that say why. The others depend on the status, or say too little. */
const BY_NAME: Readonly<Partial<Record<ErrorName, FailureCode>>> = {
  authentication_failed: "AUTHENTICATION_FAILED",
  oauth_org_not_allowed: "AUTHENTICATION_FAILED",
  account_on_hold: "AUTHENTICATION_FAILED",
  verification_required: "AUTHENTICATION_FAILED",
  cloud_credential_error: "AUTHENTICATION_FAILED",
  rate_limit: "RATE_LIMITED",
  overloaded: "OVERLOADED",
  model_not_found: "MODEL_UNAVAILABLE",
};

/** The API's own types of errors (https://docs.anthropic.com/en/api/errors), which the CLI passes on with some results. */
const BY_TYPE: Readonly<Record<string, FailureCode>> = {
  authentication_error: "AUTHENTICATION_FAILED",
  permission_error: "AUTHENTICATION_FAILED",
  rate_limit_error: "RATE_LIMITED",
  overloaded_error: "OVERLOADED",
  request_too_large: "CONTEXT_TOO_LONG",
  api_error: "API_UNREACHABLE",
};

/** The CLI's names for failures beside `ErrorName`, which some versions pass on with the result. */
const BY_CAUSE: Readonly<Record<string, FailureCode>> = {
  connection_failed: "API_UNREACHABLE",
  org_disabled_credential: "AUTHENTICATION_FAILED",
};

/** What an account that pays by use is told once its monthly limit is reached; no field says so. */
const SPEND_LIMIT =
  /\bspecified API usage limits\b(?:.*?\bregain access on (\d{4}-\d{2}-\d{2}) at (\d{2}:\d{2}) UTC)?/;
/** What the CLI says where the model's own output has filled the context; no field says so. */
const CONTEXT_FULL = /\breached its context window limit\b/;

/** The account's limits, from the messages of a process: it reports them only when they change, not in each turn. */
export class LimitWatch {
  #reached: SDKRateLimitInfo | undefined;

  /** The limit that the account's last request was refused for. */
  get reached(): SDKRateLimitInfo | undefined {
    return this.#reached;
  }

  take(message: SDKMessage): void {
    if (message.type !== "rate_limit_event") return;
    const { rate_limit_info: limit } = message;
    this.#reached = isUsageLimit(limit) ? limit : undefined;
  }
}

/** Reads from the messages of a turn why it fails. */
export class FailureWatch {
  #name: ErrorName | undefined;
  /** Why the last request failed, while the CLI waits to repeat it. */
  #retried: Failure | undefined;

  constructor(private readonly limits: Pick<LimitWatch, "reached">) {}

  take(message: SDKMessage): void {
    if (message.type === "system" && message.subtype === "api_retry") {
      const { error, error_status: status } = message;
      this.#retried = withCode(status === null ? "API_UNREACHABLE" : causeOf(error, status));
    } else if (message.type === "assistant" && message.parent_tool_use_id === null) {
      this.#retried = undefined;
      this.#name = message.error;
    } else if (message.type === "stream_event") {
      this.#retried = undefined;
    }
  }

  /** Why the last request failed, if the CLI was about to repeat it. */
  get retried(): Failure | undefined {
    return this.#retried;
  }

  /** Why the turn failed; undefined if nothing says so. */
  failureOf(result: SDKResultMessage): Failure | undefined {
    if (result.subtype === "error_max_structured_output_retries") return { code: "OUTPUT_INVALID" };
    const { terminal_reason: reason, stop_reason, is_error } = result;
    if (reason === "prompt_too_long" || reason === "blocking_limit" || reason === "rapid_refill_breaker")
      return { code: "CONTEXT_TOO_LONG" };
    if (result.subtype !== "success" || !is_error) return undefined;
    if (stop_reason === "refusal") return { code: "REFUSED" };
    const status = result.api_error_status ?? null;
    const isRefused = this.#name === "rate_limit" || status === 429;
    const { reached } = this.limits;
    if (reached !== undefined && isRefused) return usageLimit(reached);
    if (this.#name === "billing_error") return { code: "USAGE_LIMIT", limit: "credit_balance" };
    const cause = causeOf(this.#name, status) ?? causeIn(result);
    return (
      withCode(cause) ??
      failureInText(result.result) ??
      withCode(isInvalid(status) ? "INVALID_REQUEST" : undefined)
    );
  }
}

/** The text of a failure with what an operator has to do, where only an operator can help. */
export function withAdvice(text: string, failure: Failure | undefined): string {
  return failure?.code === "AUTHENTICATION_FAILED" ? `${text} (${LOGIN_ADVICE})` : text;
}

function withCode(code: FailureCode | undefined): Failure | undefined {
  return code && { code };
}

/**
 * Whether the account's limit refused a request. `overageStatus: "rejected"` beside an accepted one is no refusal, and
 * too many requests at once, which are refused too, have neither a name nor a time.
 */
function isUsageLimit({ status, resetsAt, rateLimitType }: SDKRateLimitInfo): boolean {
  return status === "rejected" && (resetsAt !== undefined || rateLimitType !== undefined);
}

function usageLimit({ resetsAt, rateLimitType }: SDKRateLimitInfo): Failure {
  const at = resetsAt === undefined ? undefined : new Date(resetsAt * 1000);
  return {
    code: "USAGE_LIMIT",
    ...(at !== undefined && !Number.isNaN(at.getTime()) && { resetsAt: at.toISOString() }),
    ...(rateLimitType !== undefined && { limit: rateLimitType }),
  };
}

/** `status`: null if there was no response. */
function causeOf(name: ErrorName | undefined, status: number | null): FailureCode | undefined {
  const named = name && BY_NAME[name];
  if (named !== undefined) return named;
  if (status === 401 || status === 403) return "AUTHENTICATION_FAILED";
  if (status === 413) return "CONTEXT_TOO_LONG";
  if (status === 429) return "RATE_LIMITED";
  if (status === 529) return "OVERLOADED";
  if (status !== null) return status >= 500 ? "API_UNREACHABLE" : undefined;
  return name === "server_error" ? "API_UNREACHABLE" : undefined;
}

/** The same from fields that the SDK does not declare. */
function causeIn(result: SDKResultMessage): FailureCode | undefined {
  const fields: unknown = result;
  if (!isObject(fields)) return undefined;
  const { api_error: cause, api_error_type: type } = fields;
  return codeIn(BY_CAUSE, cause) ?? codeIn(BY_TYPE, type);
}

/** Whether the API refused the request for what is in it. */
function isInvalid(status: number | null): boolean {
  return status === 400 || status === 422;
}

function codeIn(codes: Readonly<Record<string, FailureCode>>, name: unknown): FailureCode | undefined {
  return typeof name === "string" && Object.hasOwn(codes, name) ? codes[name] : undefined;
}

function failureInText(text: string): Failure | undefined {
  if (CONTEXT_FULL.test(text)) return { code: "CONTEXT_TOO_LONG" };
  const spent = SPEND_LIMIT.exec(text);
  if (spent === null) return undefined;
  const [, day, time] = spent;
  const resetsAt = day === undefined ? {} : { resetsAt: `${day}T${time}:00.000Z` };
  return { code: "USAGE_LIMIT", limit: "api_spend", ...resetsAt };
}
