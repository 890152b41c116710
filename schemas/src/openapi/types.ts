/** A part of an OpenAPI document. */
export type Part = Readonly<Record<string, unknown>>;

export const METHODS = ["get", "put", "post", "delete", "options", "head", "patch", "trace"] as const;

export type Method = (typeof METHODS)[number];

/** One operation of an OpenAPI 3.1 document. */
export interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly tags: readonly string[];
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
  readonly parameters?: readonly Part[];
  readonly requestBody?: Part;
  readonly responses: Part;
  readonly [extension: `x-${string}`]: unknown;
}

/** The operations of one path. */
export type PathItem = Readonly<Partial<Record<Method, Operation>>>;

/** A reference to a component, as in `ref("schemas", "Session")`. */
export function ref(kind: "schemas" | "responses" | "headers" | "parameters", name: string): Part {
  return { $ref: `#/components/${kind}/${name}` };
}
