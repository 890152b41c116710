import { errorResponseComponents } from "./errors.js";
import { type DocumentedMount, pluginParts } from "./mounts.js";
import { OWN_PATHS } from "./operations.js";
import { HEADERS, PARAMETERS } from "./parts.js";
import { reachable, schemaComponents } from "./schemas.js";
import type { Part } from "./types.js";

export interface OpenapiOptions {
  readonly version: string;
  readonly mounts: readonly DocumentedMount[];
  /** Where clients find the gateway; by default beside this document, below whatever prefix a proxy serves both. */
  readonly url?: string;
}

const DESCRIPTION = `An HTTP gateway for the Claude CLI. JSON in, JSON out.

Every error, of every route, is \`{"error": "...", "code": "..."}\`. Beside those that an operation lists, any request can
meet 404 \`NOT_FOUND\` (no such route), 405 \`METHOD_NOT_ALLOWED\` (with \`Allow\`), 408 \`TIMEOUT\` (the request itself came
too slowly) and 400 \`BAD_REQUEST\` (it was no well-formed HTTP).`;

const TAGS = {
  gateway: "The gateway itself.",
  tasks: "One prompt, one answer, nothing to keep.",
  sessions: "Conversations that are kept.",
  turns: "Prompts on their way, picked up again.",
  approvals: "Tool calls that wait for a person, where a plugin asks one.",
} as const;

/** The gateway's own paths and those of every mount, as an OpenAPI 3.1 document. */
export function openapiDocument({ version, mounts, url = "." }: OpenapiOptions): Part {
  const plugins = pluginParts(mounts);
  const paths = { ...OWN_PATHS, ...plugins.paths };
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
    security: [{ bearer: [] }],
    tags: [
      ...Object.entries(TAGS).map(([name, description]) => ({ name, description })),
      ...pluginTags(mounts),
    ],
    paths,
    components: {
      securitySchemes: {
        ...plugins.components.securitySchemes,
        bearer: { type: "http", scheme: "bearer", description: "The secret of a key: `Bearer sk-…`." },
      },
      parameters: PARAMETERS,
      headers: HEADERS,
      responses,
      schemas: { ...plugins.components.schemas, ...reachable([paths, responses], schemaComponents()) },
    },
  };
}

function pluginTags(mounts: readonly DocumentedMount[]): Part[] {
  const names = new Set(mounts.map(({ plugin }) => plugin));
  return [...names].map((name) => ({ name, description: `Routes of the plugin \`${name}\`.` }));
}
