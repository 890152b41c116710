import type { Mount } from "../kernel/routes.js";

export interface OpenapiOptions {
  readonly version: string;
  readonly mounts: readonly Mount[];
}

/** The gateway's own paths and every plugin's, as an OpenAPI 3.1 document. */
export function openapiDocument({ version, mounts }: OpenapiOptions): Readonly<Record<string, unknown>> {
  const paths = mounts.flatMap(({ prefix, openapi }) =>
    Object.entries(openapi).map(([path, item]) => [prefix + path, item]),
  );
  return { openapi: "3.1.0", info: { title: "Claudeway", version }, paths: Object.fromEntries(paths) };
}
