import { answerOrEvents, describeErrors, json, MODEL_NAME, modelPaths, named, text } from "@claudeway/chat";
import type { PathsObject } from "@claudeway/core";

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

const ERRORS = describeErrors(ERROR);
const { failure, own, turn } = ERRORS;

const RESPONSE = answerOrEvents("The response, or its events.", [
  "id",
  "object",
  "created_at",
  "model",
  "status",
  "output",
]);

const MODELS = named(["object", "data"], {
  object: { const: "list" },
  data: { type: "array", items: MODEL },
});

/** The OpenAPI description of the routes. Fields that are ignored are not listed. */
export const OPENAI_PATHS: PathsObject = {
  ...modelPaths("/models", "OpenAI", MODELS, MODEL, ERRORS),
  "/chat/completions": {
    post: {
      summary: "Answer a chat (OpenAI)",
      requestBody: {
        required: true,
        content: json(
          named(["model", "messages"], {
            model: MODEL_NAME,
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
        ...own,
        "200": answerOrEvents("The answer, or its chunks.", [
          "id",
          "object",
          "created",
          "model",
          "choices",
          "usage",
        ]),
        ...turn,
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
            model: MODEL_NAME,
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
      responses: { ...own, ...turn, "200": RESPONSE },
    },
  },
  "/responses/{id}": {
    parameters: [{ name: "id", in: "path", required: true, schema: { type: "string" } }],
    get: {
      summary: "Get a stored response (OpenAI)",
      responses: { ...own, "200": RESPONSE, "404": failure("It is not stored.") },
    },
    delete: {
      summary: "Delete a stored response (OpenAI)",
      responses: {
        ...own,
        "200": {
          description: "It was deleted.",
          content: json(named(["id", "deleted"], { id: text("Its id."), deleted: { const: true } })),
        },
        "404": failure("It is not stored."),
      },
    },
  },
};
