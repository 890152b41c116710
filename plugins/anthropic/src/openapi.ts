import { answerOrEvents, describeErrors, json, MODEL_NAME, modelPaths, named, text } from "@claudeway/chat";
import type { PathsObject } from "@claudeway/core";

/** An error in the format of Anthropic's API. */
const ERROR = named(["type", "error"], {
  type: { const: "error" },
  error: named(["type", "message"], {
    type: text("Its kind, such as `invalid_request_error`."),
    message: text("The error for people."),
  }),
});

const ERRORS = describeErrors(ERROR);
const { failure, own, turn, badBody } = ERRORS;

const BODY = {
  required: true,
  content: json(
    named(["model", "messages"], {
      model: MODEL_NAME,
      messages: { type: "array", items: { type: "object" }, description: "The chat, with the prompt last." },
      system: { description: "The system prompt: a text, or blocks of text." },
      stream: { type: "boolean", description: "Whether the answer is a stream of events." },
      output_config: { type: "object", description: "`format`: a JSON Schema of the answer; `effort`." },
      tools: { type: "array", description: "Tools; `tool_choice` must force one of them." },
    }),
  ),
};

/** The OpenAPI description of `/v1/messages`. Fields that are ignored are not listed. */
export const MESSAGE_PATHS: PathsObject = {
  "/": {
    post: {
      summary: "Answer a chat (Anthropic)",
      requestBody: BODY,
      responses: {
        ...own,
        ...turn,
        "200": answerOrEvents("The answer, or its events.", [
          "id",
          "type",
          "role",
          "model",
          "content",
          "stop_reason",
          "usage",
        ]),
        "529": failure("The model API is overloaded."),
      },
    },
  },
  "/count_tokens": {
    post: {
      summary: "Estimate the tokens of a chat (Anthropic)",
      requestBody: BODY,
      responses: {
        ...own,
        ...badBody,
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

const MODELS = named(["data", "has_more"], {
  data: { type: "array", items: MODEL },
  has_more: { const: false },
});

/** The OpenAPI description of `/v1/models`. */
export const MODEL_PATHS: PathsObject = modelPaths("", "Anthropic", MODELS, MODEL, ERRORS);
