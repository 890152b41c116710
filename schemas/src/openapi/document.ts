import { errorResponseComponents } from "./errors.js";
import { type DocumentedMount, pluginParts } from "./mounts.js";
import { ownPaths } from "./operations.js";
import { HEADERS, PARAMETERS } from "./parts.js";
import { type DocumentedField, withFields } from "./plugin-fields.js";
import { reachable, schemaComponents } from "./schemas.js";
import type { Part } from "./types.js";

export interface OpenapiOptions {
  readonly version: string;
  readonly mounts: readonly DocumentedMount[];
  /** The fields of plugins in requests. */
  readonly fields?: readonly DocumentedField[];
  /** The URL of the gateway for clients; by default relative to this document, so that a proxy may add a prefix. */
  readonly url?: string;
}

const DESCRIPTION = `An HTTP gateway for the Claude CLI. JSON in, JSON out.

Every error of every route is \`{"error": "...", "code": "..."}\`. Besides the errors that an operation lists, any request can
get 404 \`NOT_FOUND\` (no such route), 405 \`METHOD_NOT_ALLOWED\` (with \`Allow\`), 408 \`TIMEOUT\` (the request was sent
too slowly) and 400 \`BAD_REQUEST\` (malformed HTTP).`;

const TAGS = {
  gateway: "The gateway itself.",
  tasks: "One-shot prompts without a session.",
  sessions: "Conversations of several turns.",
  turns: "State, result and events of single turns.",
  approvals: "Tool calls that wait for a person, if a plugin asks one.",
} as const;

/** The gateway's own paths and those of every mount, as an OpenAPI 3.1 document. */
export function openapiDocument({ version, mounts, fields = [], url = "." }: OpenapiOptions): Part {
  const plugins = pluginParts(mounts);
  const paths = { ...ownPaths(), ...plugins.paths };
  const responses = errorResponseComponents();
  return {
    openapi: "3.1.0",
    info: {
      title: "Claudeway",
      version,
      description: DESCRIPTION,
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url }],
    security: [{ bearer: [] }, { apiKey: [] }],
    tags: [
      ...Object.entries(TAGS).map(([name, description]) => ({ name, description })),
      ...pluginTags(mounts),
    ],
    paths,
    components: {
      securitySchemes: {
        ...plugins.components.securitySchemes,
        bearer: { type: "http", scheme: "bearer", description: "The secret of a key: `Bearer sk-…`." },
        apiKey: { type: "apiKey", in: "header", name: "x-api-key", description: "The secret of a key." },
      },
      parameters: PARAMETERS,
      headers: HEADERS,
      responses,
      schemas: {
        ...plugins.components.schemas,
        ...reachable([paths, responses], withFields(schemaComponents(), fields)),
      },
    },
  };
}

function pluginTags(mounts: readonly DocumentedMount[]): Part[] {
  const names = new Set(mounts.map(({ plugin }) => plugin));
  return [...names].map((name) => ({ name, description: `Routes of the plugin \`${name}\`.` }));
}
