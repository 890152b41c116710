import { createAjv, isObject } from "@claudeway/schemas";
import type { ValidateFunction } from "ajv";

/** A part of an OpenAPI document with its place in it. */
interface Place {
  readonly node: Readonly<Record<string, unknown>>;
  /** A JSON pointer (RFC 6901). */
  readonly pointer: string;
}

/** One operation of a document. */
export interface Operation {
  readonly method: string;
  /** With its parameters in braces. */
  readonly path: string;
  readonly place: Place;
}

/** What was answered, as far as the document says something of it. */
export interface Answered {
  readonly status: number;
  readonly headers: Headers;
}

/** The response of an operation that an answer is an instance of. */
export interface Told {
  /** The key in the document: a status, `4XX` or `default`. */
  readonly key: string;
  readonly place: Place;
}

const METHODS = ["get", "put", "post", "delete", "options", "patch"];

/** An OpenAPI document as something to hold answers against. Every check returns what is wrong, or undefined. */
export class Contract {
  readonly operations: readonly Operation[];
  readonly #ajv = createAjv({ strict: false, useDefaults: false, validateSchema: false, allErrors: true });
  readonly #checks = new Map<string, ValidateFunction>();

  constructor(private readonly document: Readonly<Record<string, unknown>>) {
    this.#ajv.addSchema({ ...document, $id: "openapi.json" });
    this.operations = this.entries(this.at("/paths")).flatMap(([path, item]) =>
      this.entries(item)
        .filter(([method]) => METHODS.includes(method))
        .map(([method, place]) => ({ method: method.toUpperCase(), path, place })),
    );
  }

  /** The operation of a request; a path without parameters goes before one with, whatever their methods. */
  operationOf(method: string, path: string): Operation | undefined {
    const asked = method === "HEAD" ? "GET" : method;
    const [nearest, ...others] = this.operations
      .filter((operation) => matches(operation.path, path))
      .sort((a, b) => parametersIn(a.path) - parametersIn(b.path));
    return [nearest, ...others].find(
      (operation) => operation?.path === nearest?.path && operation?.method === asked,
    );
  }

  /** Every response that an operation is said to give, by its key. */
  responsesOf(operation: Operation): [string, Place][] {
    return this.entries(this.child(operation.place, "responses"));
  }

  responseTo(operation: Operation, status: number): Told | undefined {
    const responses = this.responsesOf(operation);
    const keys = [String(status), `${String(status).slice(0, 1)}XX`, "default"];
    const key = keys.find((candidate) => responses.some(([known]) => known === candidate));
    const found = responses.find(([known]) => known === key);
    return found === undefined ? undefined : { key: found[0], place: found[1] };
  }

  /** The schema of a body of that type. */
  bodySchema({ place }: Told, type: string): Place | undefined {
    const media = this.entries(this.child(place, "content")).find(([known]) => known === type);
    return media === undefined ? undefined : this.child(media[1], "schema");
  }

  /** Whether the response has a body at all. */
  hasBody({ place }: Told): boolean {
    return "content" in place.node;
  }

  checkHeaders({ place }: Told, headers: Headers): string | undefined {
    for (const [name, told] of this.entries(this.child(place, "headers"))) {
      const value = headers.get(name);
      if (value === null && told.node["required"] === true) return `the header ${name} is missing`;
      const schema = this.child(told, "schema");
      const problem = value === null ? undefined : this.check(schema, typed(value, schema));
      if (problem !== undefined) return `the header ${name} ${problem}`;
    }
    return undefined;
  }

  /** Holds a value against the schema at that place. */
  check({ pointer }: Place, value: unknown): string | undefined {
    const isValid =
      this.#checks.get(pointer) ?? this.#ajv.compile({ $ref: `openapi.json#${encodeURI(pointer)}` });
    this.#checks.set(pointer, isValid);
    return isValid(value) ? undefined : this.#ajv.errorsText(isValid.errors, { dataVar: "it" });
  }

  component(name: string): Place {
    return this.at(`/components/schemas/${name}`);
  }

  /** What lies in an object of the document, references followed. */
  entries(place: Place): [string, Place][] {
    return Object.keys(place.node).map((key) => [key, this.child(place, key)]);
  }

  child(place: Place, key: string): Place {
    return this.#follow({
      node: asObject(place.node[key]),
      pointer: `${place.pointer}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`,
    });
  }

  at(pointer: string): Place {
    const keys = pointer.split("/").slice(1);
    return keys.reduce((place, key) => this.child(place, key.replaceAll("~1", "/").replaceAll("~0", "~")), {
      node: this.document,
      pointer: "",
    } satisfies Place);
  }

  #follow(place: Place): Place {
    const { $ref } = place.node;
    return typeof $ref === "string" && $ref.startsWith("#/") ? this.at($ref.slice(1)) : place;
  }
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return isObject(value) ? value : {};
}

/** A header is text; its schema may want a number. */
function typed(value: string, { node }: Place): string | number {
  return node["type"] === "integer" && /^\d+$/.test(value) ? Number(value) : value;
}

function matches(template: string, path: string): boolean {
  const [wanted, given] = [template.split("/"), path.split("/")];
  // A file's path has slashes itself.
  const isLonger = wanted.at(-1) === "{file_path}" && given.length > wanted.length;
  return (
    (wanted.length === given.length || isLonger) &&
    wanted.every(
      (segment, index) => segment === given[index] || (/^\{.*\}$/.test(segment) && given[index] !== ""),
    )
  );
}

function parametersIn(path: string): number {
  return path.split("{").length;
}
