import type { PathsObject } from "@claudeway/core";

const json = (schema: object) => ({ "application/json": { schema } });
const named = (required: readonly string[], properties: Readonly<Record<string, object>>) => ({
  type: "object",
  required,
  properties,
  additionalProperties: true,
});
const text = (description: string) => ({ type: "string", description });

/** An error in the format of Anthropic's API. */
const ERROR = named(["type", "error"], {
  type: { const: "error" },
  error: named(["type", "message"], {
    type: text("Its kind, such as `invalid_request_error`."),
    message: text("The error for people."),
  }),
});

const failure = (description: string) => ({ description, content: json(ERROR) });

/** What the gateway itself may answer, in the format of these routes. */
const OWN_ERRORS = {
  "400": failure("The request is invalid or not supported, the context too long, or Claude refused."),
  "401": failure("There is no key, or a wrong one."),
  "402": failure("A budget is used up."),
  "403": failure("A plugin refused the request, or a call of the agent was not approved in time."),
  "429": failure("A limit of the key or of the account is reached."),
  "4XX": failure("Another refusal."),
  "500": failure("An internal error."),
  "503": failure("The gateway is overloaded."),
};

const BODY = {
  required: true,
  content: json(
    named(["model", "messages"], {
      model: text("`sonnet` is the model, `claude-code/sonnet` the agent with its tools."),
      messages: { type: "array", items: { type: "object" }, description: "The chat, with the prompt last." },
      system: { description: "The system prompt: a text, or blocks of text." },
      stream: { type: "boolean", description: "Whether the answer is a stream of events." },
      output_config: { type: "object", description: "`format`: a JSON Schema of the answer; `effort`." },
      tools: { type: "array", description: "Tools; `tool_choice` must force one of them." },
    }),
  ),
};

const BAD_BODY = { "413": failure("The body is too large."), "415": failure("The body is not JSON.") };

/** The OpenAPI description of `/v1/messages`. Fields that are ignored are not listed. */
export const MESSAGE_PATHS: PathsObject = {
  "/": {
    post: {
      summary: "Answer a chat (Anthropic)",
      requestBody: BODY,
      responses: {
        ...OWN_ERRORS,
        ...BAD_BODY,
        "200": {
          description: "The answer, or its events.",
          content: {
            ...json(named(["id", "type", "role", "model", "content", "stop_reason", "usage"], {})),
            "text/event-stream": { schema: { type: "string" } },
          },
        },
        "404": failure("There is no such model."),
        "408": failure("The turn ran past its time."),
        "502": failure("The model API can't be reached, or did not answer as it must."),
        "529": failure("The model API is overloaded."),
      },
    },
  },
  "/count_tokens": {
    post: {
      summary: "Estimate the tokens of a chat (Anthropic)",
      requestBody: BODY,
      responses: {
        ...OWN_ERRORS,
        ...BAD_BODY,
        "200": {
          description: "A rough estimate.",
          content: json(
            named(["input_tokens", "estimated"], {
              input_tokens: { type: "integer", description: "About how many tokens the request has." },
              estimated: { const: true, description: "The model was not asked." },
            }),
          ),
        },
      },
    },
  },
};

const MODEL = named(["id", "type", "display_name", "created_at"], {
  id: text("What a request names."),
  type: { const: "model" },
  display_name: text("Its name for people."),
  created_at: text("Not known: 1970."),
});

/** The OpenAPI description of `/v1/models`. */
export const MODEL_PATHS: PathsObject = {
  "/": {
    get: {
      summary: "List the models, as models and as agents (Anthropic)",
      responses: {
        ...OWN_ERRORS,
        "200": {
          description: "The models. Clients of OpenAI's API can read the list too.",
          content: json(
            named(["data", "has_more"], {
              data: { type: "array", items: MODEL },
              has_more: { const: false },
            }),
          ),
        },
      },
    },
  },
  "/{name}": {
    get: {
      summary: "Get a model (Anthropic)",
      parameters: [{ name: "name", in: "path", required: true, schema: { type: "string" } }],
      responses: {
        ...OWN_ERRORS,
        "200": { description: "The model.", content: json(MODEL) },
        "404": failure("There is no such model."),
      },
    },
  },
};
