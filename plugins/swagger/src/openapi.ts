import type { PathsObject } from "@claudeway/core";

/** The page in the OpenAPI document. */
export const PAGE: PathsObject = {
  "/": {
    get: {
      operationId: "showDocs",
      summary: "Show this document in Swagger UI",
      responses: {
        "200": {
          description: "The HTML page.",
          content: { "text/html": { schema: { type: "string" } } },
        },
        "302": { description: "Redirect to `/docs/`." },
        "304": { description: "Not modified." },
      },
    },
  },
};

/** The OpenAPI document's own route. */
export const DOCUMENT: PathsObject = {
  "/": {
    get: {
      operationId: "getOpenapi",
      summary: "Get this document",
      description: "OpenAPI 3.1, generated from the current routes, including those of plugins.",
      responses: {
        "200": {
          description: "The OpenAPI document.",
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
