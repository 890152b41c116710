import { type DocumentedCode, errorsOf } from "./errors.js";
import { type HeaderName, headers, type ParameterName, parameters } from "./parts.js";
import type { Operation, Part } from "./types.js";

/** The errors that any request can get. */
export const ANY: readonly DocumentedCode[] = [
  "BAD_REQUEST",
  "PAYLOAD_TOO_LARGE",
  "UNSUPPORTED_MEDIA_TYPE",
  "HEADERS_TOO_LARGE",
];

/** The errors that any request with a key can get. */
const KEYED = [
  ...ANY,
  "UNAUTHORIZED",
  "FORBIDDEN",
  "TOO_MANY_REQUESTS",
  "INTERNAL_ERROR",
  "BAD_GATEWAY",
  "UNAVAILABLE",
  "refusal",
] as const;

interface OperationSpec extends Omit<Operation, "responses" | "parameters" | "tags"> {
  readonly tag: "gateway" | "tasks" | "sessions" | "turns" | "approvals";
  readonly parameters?: readonly (ParameterName | Part)[];
  /** The successful response. */
  readonly ok: Part;
  /** Further errors, beyond those of any request with a key. */
  readonly errors?: readonly DocumentedCode[];
}

/** An operation that requires a key, with the errors that this implies. */
export function keyed({ tag, ok, errors = [], parameters: names = [], ...rest }: OperationSpec): Operation {
  const given = names.flatMap((name) => (typeof name === "string" ? parameters(name) : [name]));
  return {
    ...rest,
    tags: [tag],
    ...(given.length > 0 && { parameters: given }),
    responses: { "200": ok, ...errorsOf([...KEYED, ...errors]) },
  };
}

/** An operation that switches protocols instead of answering with 200. */
export function upgraded(operation: OperationSpec): Operation {
  const { "200": ok, "4XX": refused, ...errors } = keyed(operation).responses;
  return { ...keyed(operation), responses: { "101": ok, ...errors, default: refused } };
}

/** A successful response. */
export function answer(description: string, content: Part, ...names: readonly HeaderName[]): Part {
  return { description, headers: headers(...names), content };
}

/** Paging parameters of a list. */
export const PAGE = [
  queryNumber("page", "The page number, from 1.", 1, 1_000_000),
  queryNumber("limit", "The maximum number of items per page.", 20, 1000),
];

function queryNumber(name: string, description: string, standard: number, maximum: number): Part {
  return {
    name,
    in: "query",
    description,
    schema: { type: "integer", minimum: 1, maximum, default: standard },
  };
}
