import type { PathsObject } from "@claudeway/core";

/** What the document says of the page. */
export const PAGE: PathsObject = {
  "/": {
    get: {
      operationId: "showDocs",
      summary: "Shows this document with Swagger UI",
      responses: {
        "200": {
          description: "The page.",
          content: { "text/html": { schema: { type: "string" } } },
        },
        "302": { description: "To `/docs/`, with the slash." },
        "304": { description: "It is as it was: `ETag` and `If-None-Match`." },
      },
    },
  },
};

/** What the document says of itself. */
export const DOCUMENT: PathsObject = {
  "/": {
    get: {
      operationId: "getOpenapi",
      summary: "Gives this document",
      description: "OpenAPI 3.1, made from the routes that are live at this moment, plugins' too.",
      responses: {
        "200": {
          description: "The document.",
          content: {
            "application/json": {
              schema: {
                type: "object",
                additionalProperties: true,
                required: ["openapi", "info", "paths"],
                properties: {
                  openapi: { const: "3.1.0", description: "The version of OpenAPI." },
                  info: { type: "object", additionalProperties: true, description: "Title and version." },
                  paths: { type: "object", additionalProperties: true, description: "The routes." },
                },
              },
            },
          },
        },
      },
    },
  },
};
