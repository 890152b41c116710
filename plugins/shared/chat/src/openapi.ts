import type { PathsObject } from "@claudeway/core";

/** What the OpenAPI descriptions of the dialects share. */

export const json = (schema: object) => ({ "application/json": { schema } });

/** An object with fields that are required, and others. */
export const named = (required: readonly string[], properties: Readonly<Record<string, object>>) => ({
  type: "object",
  required,
  properties,
  additionalProperties: true,
});

export const text = (description: string) => ({ type: "string", description });

export const MODEL_NAME = text("`sonnet` is the model, `claude-code/sonnet` the agent with its tools.");

/** The descriptions of errors in a dialect's format. */
export function describeErrors(format: object) {
  const failure = (description: string) => ({ description, content: json(format) });
  const badBody = { "413": failure("The body is too large."), "415": failure("The body is not JSON.") };
  return {
    failure,
    badBody,
    /** What the gateway itself may answer. */
    own: {
      "400": failure("The request is invalid or not supported, the context too long, or Claude refused."),
      "401": failure("There is no key, or a wrong one."),
      "402": failure("A budget is used up."),
      "403": failure("A plugin refused the request, or a call of the agent was not approved in time."),
      "429": failure("A limit of the key or of the account is reached."),
      "4XX": failure("Another refusal."),
      "500": failure("An internal error."),
      "503": failure("The gateway or the model API is overloaded."),
    },
    /** What a turn may end with. */
    turn: {
      ...badBody,
      "404": failure("There is no such model."),
      "408": failure("The turn ran past its time."),
      "502": failure("The model API can't be reached, or did not answer as it must."),
    },
  };
}

/** An answer, whole or as events. */
export function answerOrEvents(description: string, required: readonly string[]) {
  return {
    description,
    content: { ...json(named(required, {})), "text/event-stream": { schema: { type: "string" } } },
  };
}

/** The paths of the models, in a dialect's format. */
export function modelPaths(
  prefix: string,
  dialect: string,
  list: object,
  model: object,
  { own, failure }: Pick<ReturnType<typeof describeErrors>, "own" | "failure">,
): PathsObject {
  return {
    [prefix === "" ? "/" : prefix]: {
      get: {
        summary: `List the models, as models and as agents (${dialect})`,
        responses: {
          ...own,
          "200": {
            description: "The models. Clients of both dialects can read the list.",
            content: json(list),
          },
        },
      },
    },
    [`${prefix}/{name}`]: {
      get: {
        summary: `Get a model (${dialect})`,
        parameters: [{ name: "name", in: "path", required: true, schema: { type: "string" } }],
        responses: {
          ...own,
          "200": { description: "The model.", content: json(model) },
          "404": failure("There is no such model."),
        },
      },
    },
  };
}
