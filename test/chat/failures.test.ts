import { GatewayError } from "@claudeway/ports";
import { expect } from "chai";
import { answerIn, failureOf, toClientError } from "#chat/failures.js";
import type { TurnResponse } from "#schemas/index.js";

const failed = (fields: Partial<TurnResponse>): TurnResponse => ({
  session_id: "s",
  result: "",
  success: false,
  duration_ms: 1,
  tokens: { input: 0, output: 0, cache_read: 0, cache_write: 0 },
  cost_usd: 0,
  error: "",
  ...fields,
});

describe("failures of chats", () => {
  for (const [error, message] of [
    ["API Error: 400 messages: too odd", "messages: too odd"],
    ['API Error: 400 {"type":"error","error":{"type":"x","message":"too odd"}}', "too odd"],
    ["API Error: 400 {not JSON", "{not JSON"],
    ["API Error: an image could not be processed", "an image could not be processed"],
    ["API Error: 400 ", "API Error: 400 "],
    ["", "the turn failed"],
    ["busy. If it persists, check your inference gateway (10.0.0.7:4000).", "busy."],
  ] as const)
    it(`say ${JSON.stringify(message)} for ${JSON.stringify(error)}`, () => {
      const failure = failureOf(failed({ code: "INVALID_REQUEST", error }));
      expect(failure).to.include({ status: 400, message, retryAfterSecs: undefined });
    });

  it("say when to try again", () => {
    const resets_at = new Date(90_000).toISOString();
    expect(failureOf(failed({ code: "USAGE_LIMIT", resets_at }), 30_000)).to.include({
      status: 429,
      retryAfterSecs: 60,
    });
    expect(failureOf(failed({ code: "OVERLOADED" }))).to.include({ status: 503, retryAfterSecs: 10 });
  });

  it("do not say when to try again once the model has delivered: it would be paid for again", () => {
    const tokens = { input: 10, output: 5, cache_read: 0, cache_write: 0 };
    const resets_at = new Date(90_000).toISOString();
    for (const fields of [
      { code: "OVERLOADED" },
      { code: "API_UNREACHABLE" },
      { code: "USAGE_LIMIT", resets_at },
    ])
      expect(failureOf(failed({ ...fields, tokens }), 30_000), fields.code).to.include({
        code: fields.code,
        retryAfterSecs: undefined,
      });
  });

  it("have the cause of a timeout during retries", async () => {
    const late = new GatewayError("TIMEOUT", "too late");
    const ended = (fields: Partial<TurnResponse>) =>
      answerIn(
        Object({
          answer: Promise.resolve(failed({ code: "TIMEOUT", error: late.message, ...fields })),
          result: () => Promise.reject(late),
        }),
      );
    const caused = failureOf(await ended({ cause: "OVERLOADED" }));
    expect(caused).to.include({ status: 503, code: "OVERLOADED", message: "too late", retryAfterSecs: 10 });
    const tokens = { input: 10, output: 5, cache_read: 0, cache_write: 0 };
    expect(failureOf(await ended({ cause: "OVERLOADED", tokens }))).to.include({ retryAfterSecs: undefined });
    expect(await ended({}).catch((error: unknown) => error)).to.equal(late);
  });
});

describe("errors of the gateway on chats", () => {
  const inWords = (message: string) =>
    toClientError(new GatewayError("BAD_REQUEST", message), "schema.of.it");

  it("name the client's fields", () => {
    for (const [message, words, param] of [
      ["output_schema must be a JSON Schema", "schema.of.it must be a JSON Schema", "schema.of.it"],
      ["history[3] must be a user's text", "messages must be a user's text", "messages"],
      ["prompt[1].text must be text", "messages must be text", "messages"],
      ["model must be a name", "model must be a name", "model"],
    ] as const)
      expect(inWords(message)).to.deep.include({
        status: 400,
        reason: words,
        options: { details: { param } },
      });
  });

  it("are left as they are otherwise", () => {
    for (const error of [
      new GatewayError("BAD_REQUEST", "the folder is full"),
      new GatewayError("NOT_FOUND", "prompt must be there"),
      new GatewayError("TIMEOUT", "too late"),
      new Error("broken"),
      undefined,
    ])
      expect(toClientError(error, "schema")).to.equal(error);
  });
});
