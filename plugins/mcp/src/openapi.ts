import { describeErrors, json, named, text } from "@claudeway/chat";
import type { PathsObject } from "@claudeway/core";

/** An error in the format of JSON-RPC. */
const ERROR = named(["jsonrpc", "error"], {
  jsonrpc: { const: "2.0" },
  id: { type: "null" },
  error: named(["code", "message"], {
    code: { type: "integer", description: "A code of JSON-RPC or MCP." },
    message: text("The error for people."),
    data: { type: "object", description: "`code`: the gateway's own." },
  }),
});

const { failure, own, badBody } = describeErrors(ERROR);

const SESSION = {
  name: "Mcp-Session-Id",
  in: "header",
  schema: { type: "string" },
  description: "The id that the response to `initialize` had.",
};

/** The OpenAPI description of `/mcp`. */
export const MCP_PATHS: PathsObject = {
  "/": {
    post: {
      summary: "Send a message (MCP)",
      description: "The streamable HTTP transport of the Model Context Protocol. GET is not supported.",
      parameters: [SESSION],
      requestBody: {
        required: true,
        content: json({ type: "object", description: "One JSON-RPC message." }),
      },
      responses: {
        ...own,
        ...badBody,
        "200": {
          description: "Events: notifications of progress, then the response.",
          content: { "text/event-stream": { schema: { type: "string" } } },
        },
        "202": { description: "The notification was accepted." },
        "404": failure("No such session."),
        "406": failure("`Accept` must have application/json and text/event-stream."),
      },
    },
    delete: {
      summary: "End a session (MCP)",
      parameters: [{ ...SESSION, required: true }],
      responses: {
        ...own,
        "204": { description: "Its requests were cancelled." },
        "400": failure("No session was named."),
        "404": failure("No such session."),
      },
    },
  },
};

const DOCUMENT = {
  get: {
    summary: "Get the metadata of the MCP server (RFC 9728)",
    responses: {
      "200": {
        description: "How clients authenticate.",
        content: json(
          named(["resource", "bearer_methods_supported"], {
            resource: text("The URL of the server."),
            resource_name: text("Its name for people."),
            bearer_methods_supported: { type: "array", items: { const: "header" } },
            authorization_servers: { type: "array", items: { type: "string" } },
          }),
        ),
      },
    },
  },
};

/** The OpenAPI description of the metadata. */
export const METADATA_PATHS: PathsObject = { "/": DOCUMENT, "/mcp": DOCUMENT };
