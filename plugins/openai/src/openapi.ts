import type { PathsObject } from "@claudeway/core";

const json = (schema: object) => ({ "application/json": { schema } });
const named = (required: readonly string[], properties: Readonly<Record<string, object>>) => ({
  type: "object",
  required,
  properties,
  additionalProperties: true,
});
const text = (description: string) => ({ type: "string", description });

const MODEL = named(["id", "object", "created", "owned_by"], {
  id: text("What a request names."),
  object: { const: "model" },
  created: { type: "integer", description: "Not known: 0." },
  owned_by: text("Who made it."),
});

/** An error in the format of OpenAI's API. */
const ERROR = named(["error"], {
  error: named(["message", "type", "param", "code"], {
    message: text("The error for people."),
    type: text("Its kind, such as `invalid_request_error`."),
    param: { type: ["string", "null"], description: "The field that it is about." },
    code: { type: ["string", "null"], description: "The error for programs, such as `invalid_api_key`." },
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
  "503": failure("The gateway or the model API is overloaded."),
};

/** What a turn may end with. */
const TURN_ERRORS = {
  "404": failure("There is no such model."),
  "408": failure("The turn ran past its time."),
  "413": failure("The body is too large."),
  "415": failure("The body is not JSON."),
  "502": failure("The model API can't be reached, or did not answer as it must."),
};

const RESPONSE = {
  description: "The response, or its events.",
  content: {
    ...json(named(["id", "object", "created_at", "model", "status", "output"], {})),
    "text/event-stream": { schema: { type: "string" } },
  },
};

/** The OpenAPI description of the routes. Fields that are ignored are not listed. */
export const OPENAI_PATHS: PathsObject = {
  "/models": {
    get: {
      summary: "List the models, as models and as agents (OpenAI)",
      responses: {
        ...OWN_ERRORS,
        "200": {
          description: "The models. Clients of Anthropic's API can read the list too.",
          content: json(
            named(["object", "data"], { object: { const: "list" }, data: { type: "array", items: MODEL } }),
          ),
        },
      },
    },
  },
  "/models/{name}": {
    get: {
      summary: "Get a model (OpenAI)",
      parameters: [{ name: "name", in: "path", required: true, schema: { type: "string" } }],
      responses: {
        ...OWN_ERRORS,
        "200": { description: "The model.", content: json(MODEL) },
        "404": failure("There is no such model."),
      },
    },
  },
  "/chat/completions": {
    post: {
      summary: "Answer a chat (OpenAI)",
      requestBody: {
        required: true,
        content: json(
          named(["model", "messages"], {
            model: text("`sonnet` is the model, `claude-code/sonnet` the agent with its tools."),
            messages: {
              type: "array",
              items: { type: "object" },
              description: "The chat, with the prompt last.",
            },
            stream: { type: ["boolean", "null"], description: "Whether the answer is a stream of chunks." },
            stream_options: {
              type: ["object", "null"],
              description: "`include_usage`: a last chunk has the usage.",
            },
            response_format: {
              type: ["object", "null"],
              description: "`text`, `json_object` or `json_schema`.",
            },
            reasoning_effort: { type: ["string", "null"], description: "How much the model thinks." },
            tools: {
              type: ["array", "null"],
              description: "Functions; `tool_choice` must force one of them.",
            },
          }),
        ),
      },
      responses: {
        ...OWN_ERRORS,
        "200": {
          description: "The answer, or its chunks.",
          content: {
            ...json(named(["id", "object", "created", "model", "choices", "usage"], {})),
            "text/event-stream": { schema: { type: "string" } },
          },
        },
        ...TURN_ERRORS,
      },
    },
  },
  "/responses": {
    post: {
      summary: "Answer a chat (OpenAI's Responses API)",
      requestBody: {
        required: true,
        content: json(
          named(["model", "input"], {
            model: text("`sonnet` is the model, `claude-code/sonnet` the agent with its tools."),
            input: { description: "The prompt, or the items of a chat with the prompt last." },
            instructions: { type: ["string", "null"], description: "The system prompt." },
            previous_response_id: {
              type: ["string", "null"],
              description: "The stored response to go on from.",
            },
            store: { type: ["boolean", "null"], description: "False: the response is not stored." },
            stream: { type: ["boolean", "null"], description: "Whether the answer is a stream of events." },
            text: {
              type: ["object", "null"],
              description: "`format`: `text`, `json_object` or `json_schema`.",
            },
          }),
        ),
      },
      responses: { ...OWN_ERRORS, ...TURN_ERRORS, "200": RESPONSE },
    },
  },
  "/responses/{id}": {
    parameters: [{ name: "id", in: "path", required: true, schema: { type: "string" } }],
    get: {
      summary: "Get a stored response (OpenAI)",
      responses: { ...OWN_ERRORS, "200": RESPONSE, "404": failure("It is not stored.") },
    },
    delete: {
      summary: "Delete a stored response (OpenAI)",
      responses: {
        ...OWN_ERRORS,
        "200": {
          description: "It was deleted.",
          content: json(named(["id", "deleted"], { id: text("Its id."), deleted: { const: true } })),
        },
        "404": failure("It is not stored."),
      },
    },
  },
};
