import {
  clientError,
  type GatewayError,
  type PluginFields,
  retryLater,
  type TurnInfo,
} from "@claudeway/ports";
import {
  explain,
  isObject,
  nameOf,
  nearest,
  type SchemaTypes,
  schemaOf,
  validateInPlace,
} from "@claudeway/schemas";
import type { ValidateFunction } from "ajv/dist/2020.js";
import { deepFreeze } from "./calling/freeze.js";
import { closed, compileSchema } from "./loading/plugin-config.js";
import type { JSONSchema } from "./plugin.js";

/** The requests that can have fields of plugins. */
const REQUESTS = [
  "task-request",
  "session-turn-request",
  "session-start-request",
  "session-update-request",
] as const;

type ExtensibleRequest = (typeof REQUESTS)[number];

/** A request as its schema says, with the fields of plugins; null removes those of a session. */
export type ExtendedRequest<Name extends ExtensibleRequest> = SchemaTypes[Name] & {
  readonly pluginFields?: FieldChanges;
};

/** Fields of plugins in a request, by the plugin's name. */
export type FieldChanges = { readonly [Plugin in string]: PluginFields[Plugin] | null };

/** The most of one plugin in one request, in bytes of JSON: they are stored with sessions and parked turns. */
const MAX_BYTES = 64 * 1024;
/** A body may have any number of unknown fields; only the first are searched for a misspelt plugin. */
const MAX_UNKNOWN = 50;

const OWN_FIELDS = new Map<ExtensibleRequest, ReadonlySet<string>>(
  REQUESTS.map((name) => {
    const { properties } = schemaOf(name);
    return [name, new Set(isObject(properties) ? Object.keys(properties) : [])];
  }),
);

/** The field that one plugin has in requests: an object, named like the plugin. */
export class RequestField {
  readonly schema: JSONSchema;
  readonly #validate: ValidateFunction;

  /** Throws if requests have a field of this name, or the schema is not a valid JSON Schema. */
  constructor(
    readonly plugin: string,
    schema: JSONSchema,
  ) {
    if (REQUESTS.some((name) => OWN_FIELDS.get(name)?.has(plugin)))
      throw new Error(`requestFields: requests have a field "${plugin}" of the gateway; rename the plugin`);
    if (!isObject(schema))
      throw new TypeError("requestFields must be called with a JSON Schema of an object");
    this.schema = closed(schema);
    this.#validate = compileSchema(plugin, this.schema, "the schema of its requestFields");
  }

  /** A frozen copy with defaults. Throws BAD_REQUEST. */
  read(given: unknown): Readonly<Record<string, unknown>> {
    const value = structuredClone(given);
    if (!this.#matches<Record<string, unknown>>(value)) {
      const context = { schema: this.schema, value, path: this.plugin, noun: "field" };
      throw clientError("BAD_REQUEST", explain(this.#validate.errors, context));
    }
    const bytes = Buffer.byteLength(JSON.stringify(value));
    if (bytes > MAX_BYTES)
      throw clientError(
        "BAD_REQUEST",
        `${this.plugin} must be at most ${MAX_BYTES} bytes of JSON, got ${bytes}`,
      );
    return deepFreeze(value);
  }

  /** What the request of a turn had; undefined if nothing, or if a session kept what the schema no longer allows. */
  in<Fields extends object>({ pluginFields = {} }: TurnInfo): Readonly<Fields> | undefined {
    const own = Object.hasOwn(pluginFields, this.plugin)
      ? structuredClone(pluginFields[this.plugin])
      : undefined;
    return this.#matches<Fields>(own) ? deepFreeze(own) : undefined;
  }

  #matches<T extends object>(value: unknown): value is T {
    return this.#validate(value) && isObject(value);
  }
}

/** What is known of plugins, to name one that has no fields in requests. */
type PluginPresence = (name: string) => "on" | "off" | undefined;

/** A plugin's field, and whether the plugin runs: while it restarts, requests with the field get 503. */
export interface ActiveField {
  readonly field: RequestField;
  readonly running: boolean;
}

/** The fields of all plugins in requests. The object stays the same while its content changes. */
export class RequestFields {
  #fields: ReadonlyMap<string, ActiveField> = new Map();

  constructor(private readonly presence: PluginPresence) {}

  replaceAll(fields: readonly ActiveField[]): void {
    this.#fields = new Map(fields.map((one) => [one.field.plugin, one]));
  }

  /** For the API document. */
  list(): { readonly plugin: string; readonly schema: JSONSchema }[] {
    return [...this.#fields.values()].map(({ field: { plugin, schema } }) => ({ plugin, schema }));
  }

  /**
   * A body as its schema says, defaults filled in, with the fields of plugins in `pluginFields`. Throws BAD_REQUEST that
   * names the field, and UNAVAILABLE while its plugin restarts.
   */
  read<Name extends ExtensibleRequest>(schema: Name, body: unknown): ExtendedRequest<Name> {
    const foreign = this.#foreignIn(schema, body);
    const pluginFields = Object.fromEntries(
      foreign.map(([name, value]) => [name, this.#read(name, value, schema === "session-update-request")]),
    );
    const checked = validateInPlace(schema, foreign.length === 0 ? body : without(body, pluginFields));
    if (!checked.ok) throw clientError("BAD_REQUEST", checked.message);
    return foreign.length === 0 ? checked.value : { ...checked.value, pluginFields };
  }

  /** The fields of a session with those of a request on top. Checks again what was kept. Throws BAD_REQUEST. */
  merge(kept: PluginFields = {}, given: FieldChanges = {}): PluginFields {
    const merged = Object.entries({ ...kept, ...given }).filter(isPresent);
    for (const [name, value] of merged)
      if (!Object.hasOwn(given, name)) this.#fields.get(name)?.field.read(value);
    return Object.fromEntries(merged);
  }

  #read(name: string, value: unknown, mayRemove: boolean): PluginFields[string] | null {
    const active = this.#fields.get(name);
    if (active === undefined) throw this.#unknown(name);
    if (!active.running) throw retryLater(`the plugin ${name} is not running`, 5);
    return value === null && mayRemove ? null : active.field.read(value);
  }

  /** The fields that are not the gateway's and that name a plugin. What names none is left to the schema's check. */
  #foreignIn(schema: ExtensibleRequest, body: unknown): [string, unknown][] {
    if (!isObject(body)) return [];
    const own = OWN_FIELDS.get(schema);
    const unknown = Object.entries(body).filter(([name]) => own?.has(name) !== true);
    return unknown.slice(0, MAX_UNKNOWN).filter(([name, value]) => this.#isMeant(name, value));
  }

  #isMeant(name: string, value: unknown): boolean {
    if (this.#fields.has(name) || this.presence(name) !== undefined) return true;
    return isObject(value) && nearest(name, this.#fields.keys()) !== undefined;
  }

  #unknown(name: string): GatewayError {
    const presence = this.presence(name);
    const guess = nearest(name, this.#fields.keys());
    const reasons = {
      on: `: the plugin ${name} has no fields in requests`,
      off: `: the plugin ${name} is off; ${switchOn(name)}`,
      missing: `; did you mean ${nameOf(guess ?? "")}?`,
    };
    return clientError("BAD_REQUEST", `unknown field "${name}"${reasons[presence ?? "missing"]}`);
  }
}

/** What switches a plugin on. */
export function switchOn(plugin: string): string {
  return `start the gateway with --enable-plugin ${plugin}`;
}

function isPresent(entry: [string, PluginFields[string] | null]): entry is [string, PluginFields[string]] {
  return entry[1] !== null;
}

function without(body: unknown, fields: object): object {
  return Object.fromEntries(Object.entries(body ?? {}).filter(([name]) => !Object.hasOwn(fields, name)));
}
