import { type DocumentedCode, errorsOf } from "./errors.js";
import { type HeaderName, headers, type ParameterName, parameters } from "./parts.js";
import type { Operation, Part } from "./types.js";

/** What any request can meet, whatever it asks for. */
export const ANY: readonly DocumentedCode[] = [
  "BAD_REQUEST",
  "PAYLOAD_TOO_LARGE",
  "UNSUPPORTED_MEDIA_TYPE",
  "HEADERS_TOO_LARGE",
];

/** What any request with a key can meet. */
const KEYED = [
  ...ANY,
  "UNAUTHORIZED",
  "FORBIDDEN",
  "TOO_MANY_REQUESTS",
  "INTERNAL_ERROR",
  "UNAVAILABLE",
  "refusal",
] as const;

interface Told extends Omit<Operation, "responses" | "parameters" | "tags"> {
  readonly tag: "gateway" | "tasks" | "sessions" | "turns" | "approvals";
  readonly parameters?: readonly (ParameterName | Part)[];
  /** The answer that it is asked for. */
  readonly ok: Part;
  /** What else it can give, beyond what any request with a key can meet. */
  readonly errors?: readonly DocumentedCode[];
}

/** An operation that takes a key, with all that this brings along. */
export function keyed({ tag, ok, errors = [], parameters: names = [], ...rest }: Told): Operation {
  const given = names.flatMap((name) => (typeof name === "string" ? parameters(name) : [name]));
  return {
    ...rest,
    tags: [tag],
    ...(given.length > 0 && { parameters: given }),
    responses: { "200": ok, ...errorsOf([...KEYED, ...errors]) },
  };
}

/** An operation that is answered by another protocol instead of a 200. */
export function upgraded(operation: Told): Operation {
  const { "200": ok, "4XX": refused, ...errors } = keyed(operation).responses;
  return { ...keyed(operation), responses: { "101": ok, ...errors, default: refused } };
}

/** The answer that an operation is asked for. */
export function answer(description: string, content: Part, ...names: readonly HeaderName[]): Part {
  return { description, headers: headers(...names), content };
}

/** Which part of a list. */
export const PAGE = [
  queryNumber("page", "The page, from 1.", 1, 1_000_000),
  queryNumber("limit", "How many a page holds at most.", 20, 1000),
];

function queryNumber(name: string, description: string, standard: number, maximum: number): Part {
  return {
    name,
    in: "query",
    description,
    schema: { type: "integer", minimum: 1, maximum, default: standard },
  };
}
