import type { SDKMessage, SDKResultMessage } from "@anthropic-ai/claude-agent-sdk";
import { expect } from "chai";
import { FailureWatch, LimitWatch } from "#engine-claude/failures.js";

/** A message with only the fields that matter here. */
function said(fields: object): SDKMessage {
  return JSON.parse(JSON.stringify({ session_id: "s", uuid: "u", parent_tool_use_id: null, ...fields }));
}

function limit(rate_limit_info: object): SDKMessage {
  return said({ type: "rate_limit_event", rate_limit_info });
}

function retry(error_status: number | null, error: string): SDKMessage {
  return said({ type: "system", subtype: "api_retry", attempt: 1, max_retries: 10, error_status, error });
}

function errorMessage(error: string, more: object = {}): SDKMessage {
  return said({ type: "assistant", error, message: { model: "<synthetic>", content: [] }, ...more });
}

function result(fields: object): SDKResultMessage {
  const fallback = {
    type: "result",
    subtype: "success",
    is_error: true,
    result: "API Error",
    stop_reason: null,
  };
  return JSON.parse(JSON.stringify({ ...fallback, ...fields }));
}

function failureAfter(messages: readonly SDKMessage[], fields: object) {
  const limits = new LimitWatch();
  const watch = new FailureWatch(limits);
  for (const message of messages) {
    limits.take(message);
    watch.take(message);
  }
  return watch.failureOf(result(fields));
}

describe("the cause of a failed turn", () => {
  const rejected = { status: "rejected", resetsAt: 1795924609, rateLimitType: "seven_day_opus" };

  it("is the limit that refused the last request", () => {
    expect(
      failureAfter([limit(rejected), errorMessage("rate_limit")], { api_error_status: 429 }),
    ).to.deep.equal({ code: "USAGE_LIMIT", resetsAt: "2026-11-29T03:56:49.000Z", limit: "seven_day_opus" });
  });

  it("is no usage limit if a request was accepted without extra usage, and a later one refused", () => {
    const accepted = limit({ status: "allowed", overageStatus: "rejected", rateLimitType: "five_hour" });
    const failure = failureAfter([accepted, errorMessage("rate_limit")], { api_error_status: 429 });
    expect(failure).to.deep.equal({ code: "RATE_LIMITED" });
  });

  it("is no usage limit if the limit was lifted before another failure", () => {
    const messages = [limit(rejected), limit({ status: "allowed" }), errorMessage("server_error")];
    expect(failureAfter(messages, { api_error_status: 529 })).to.deep.equal({ code: "OVERLOADED" });
  });

  it("keeps a time out of range out", () => {
    const failure = failureAfter([limit({ ...rejected, resetsAt: 1e18 })], { api_error_status: 429 });
    expect(failure).to.deep.equal({ code: "USAGE_LIMIT", limit: "seven_day_opus" });
  });

  it("is read from the words only if no field has it", () => {
    const spent =
      "API Error: 400 You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.";
    expect(failureAfter([], { result: spent, api_error_status: 400 })).to.deep.equal({
      code: "USAGE_LIMIT",
      limit: "api_spend",
      resetsAt: "2026-12-01T00:00:00.000Z",
    });
    const full = "API Error: The model has reached its context window limit.";
    expect(failureAfter([errorMessage("max_output_tokens")], { result: full })).to.deep.equal({
      code: "CONTEXT_TOO_LONG",
    });
  });

  it("is not that of a subagent", () => {
    const messages = [errorMessage("overloaded", { parent_tool_use_id: "toolu_1" }), errorMessage("unknown")];
    expect(failureAfter(messages, { api_error_status: 418 })).to.equal(undefined);
  });

  it("is not there for a turn that succeeded, whatever came before", () => {
    expect(failureAfter([limit(rejected)], { is_error: false })).to.equal(undefined);
  });
});

describe("a request that the CLI repeats", () => {
  for (const [status, name, code] of [
    [529, "overloaded", "OVERLOADED"],
    [429, "rate_limit", "RATE_LIMITED"],
    [503, "server_error", "API_UNREACHABLE"],
    [401, "authentication_failed", "AUTHENTICATION_FAILED"],
    [null, "unknown", "API_UNREACHABLE"],
  ] as const) {
    it(`has the cause ${code} after ${status ?? "no response"}`, () => {
      const watch = new FailureWatch(new LimitWatch());
      watch.take(retry(status, name));
      expect(watch.retried).to.deep.equal({ code });
      watch.take(said({ type: "stream_event", event: { type: "ping" } }));
      expect(watch.retried).to.equal(undefined);
    });
  }
});
