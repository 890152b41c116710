import { Refusal } from "@claudeway/core";

/** The fields of requests that widen what Claude may do. */
const WIDENING = ["mcp_servers", "agents", "tools", "allowed_tools", "additional_dirs"] as const;
const PERMISSION_MODES = ["default", "plan"] as const;

export type WideningField = (typeof WIDENING)[number];
export type PermissionMode = (typeof PERMISSION_MODES)[number];

/** What an admin says about a key. What is not set is not limited; of `allow`, nothing is allowed. */
export interface KeySettings {
  readonly name: string;
  readonly owner?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  /** ISO 8601, UTC. */
  readonly expires_at?: string | undefined;
  /** Names of models; one that ends with `*` stands for all that begin so. */
  readonly models?: readonly string[] | undefined;
  readonly permission_modes?: readonly PermissionMode[] | undefined;
  readonly workdirs?: readonly string[] | undefined;
  readonly max_running?: number | undefined;
  readonly allow?: readonly WideningField[] | undefined;
}

/** A field of a body: what it must be, and its JSON Schema. */
interface Field<T> {
  readonly expected: string;
  readonly schema: object;
  fits(value: unknown): value is T;
}

/** Of the JSON of a key's settings. */
const MAX_BYTES = 32 * 1024;
const PRINTABLE = /^[^\p{Cc}\p{Cs}\u2028\u2029]+$/u;

const NAME = line(64, "Its name in lists. Its id begins with it.");
const OWNER = line(128, "Who uses it.");
const TAGS = list(
  matching(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/, "up to 64 letters, digits, and . _ : -", "A tag."),
  { most: 16, description: "What it belongs to: a team, a project. Budgets can be for tags." },
);
const INSTANT: Field<string> = {
  expected: "a time in the future, such as 2030-01-31T12:00:00Z",
  schema: { type: "string", format: "date-time", description: "When it ends: ISO 8601, with a time zone." },
  fits: (value): value is string =>
    typeof value === "string" &&
    /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/.test(value) &&
    isDay(value.slice(0, 10)) &&
    Date.parse(value) > Date.now(),
};
const MODELS = list(matching(/^[\x21-\x7e]{1,128}$/, "up to 128 visible characters", "A model."), {
  most: 100,
  least: 1,
  description: "The models that it may use, as requests name them; a `*` at the end stands for any ending.",
});
const MODES = list(oneOf(PERMISSION_MODES, "A mode."), {
  most: 2,
  least: 1,
  description: "The values of `permission_mode` that it may use.",
});
const WORKDIRS = list(
  matching(
    /^\/[^?![\]{}()\\\0]{0,4095}$/,
    "an absolute path, in which * matches any name and ** any folders",
    "A folder.",
  ),
  { most: 100, description: "The folders that it may name, as `[keys.<id>] workdirs`." },
);
const MAX_RUNNING: Field<number> = {
  expected: "an integer from 1 to 10000",
  schema: {
    type: "integer",
    minimum: 1,
    maximum: 10_000,
    description: "How many of its turns may run at once.",
  },
  fits: (value): value is number => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 10_000,
};
const ALLOW = list(oneOf(WIDENING, "A field of requests."), {
  most: WIDENING.length,
  description: "The fields of requests that widen what Claude may do and that it may send.",
});

const SETTINGS = {
  name: NAME,
  owner: OWNER,
  tags: TAGS,
  expires_at: INSTANT,
  models: MODELS,
  permission_modes: MODES,
  workdirs: WORKDIRS,
  max_running: MAX_RUNNING,
  allow: ALLOW,
};

/** The JSON Schemas of the settings, by field. */
export const SETTING_SCHEMAS: Readonly<Record<string, object>> = Object.fromEntries(
  Object.entries(SETTINGS).map(([name, { schema }]) => [name, schema]),
);

/** Whether the calendar has the day: `Date.parse` makes 2 March of 30 February. */
function isDay(day: string): boolean {
  const ms = Date.parse(day);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(day);
}

/** The settings of a new key. Throws a `Refusal` (400). */
export function newSettings(body: unknown): KeySettings {
  const fields = fieldsOf(body, Object.keys(SETTINGS));
  const name = given(fields, "name", NAME);
  const expiresAt = given(fields, "expires_at", INSTANT);
  if (name === undefined) throw new Refusal(400, `name must be ${NAME.expected}, got nothing`);
  const settings = {
    name,
    owner: given(fields, "owner", OWNER),
    tags: given(fields, "tags", TAGS),
    expires_at: expiresAt === undefined ? undefined : new Date(expiresAt).toISOString(),
    models: given(fields, "models", MODELS),
    permission_modes: given(fields, "permission_modes", MODES),
    workdirs: given(fields, "workdirs", WORKDIRS),
    max_running: given(fields, "max_running", MAX_RUNNING),
    allow: given(fields, "allow", ALLOW),
  };
  const bytes = Buffer.byteLength(JSON.stringify(settings));
  if (bytes <= MAX_BYTES) return settings;
  throw new Refusal(400, `the settings of a key must have up to ${MAX_BYTES} bytes, got ${bytes}`);
}

/** The settings of a key after a change; null removes one. Throws a `Refusal` (400). */
export function changedSettings({ expires_at: expiresAt, ...rest }: KeySettings, body: unknown): KeySettings {
  const fields = fieldsOf(body, Object.keys(SETTINGS));
  const merged = Object.entries({ ...rest, ...fields }).filter(([, value]) => value !== null);
  const changed = newSettings(Object.fromEntries(merged));
  return "expires_at" in fields ? changed : { ...changed, expires_at: expiresAt };
}

/** The settings in a stored value; undefined if they are not valid. An expired key stays valid. */
export function storedSettings({
  expires_at: expiresAt,
  ...rest
}: Readonly<Record<string, unknown>>): KeySettings | undefined {
  if (expiresAt === undefined) return newSettings(rest);
  const isTime = typeof expiresAt === "string" && Number.isFinite(Date.parse(expiresAt));
  return isTime ? { ...newSettings(rest), expires_at: expiresAt } : undefined;
}

/** The object in a body with no other fields than these. No body is an empty one. Throws a `Refusal` (400). */
export function fieldsOf(body: unknown = {}, known: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof body !== "object" || body === null || Array.isArray(body))
    throw new Refusal(400, "the body must be a JSON object");
  const stray = Object.keys(body).find((name) => !known.includes(name));
  if (stray === undefined) return Object.fromEntries(Object.entries(body));
  throw new Refusal(
    400,
    `unknown field ${JSON.stringify(stray.slice(0, 100))}; known fields: ${known.join(", ") || "none"}`,
  );
}

function given<T>(fields: Readonly<Record<string, unknown>>, name: string, field: Field<T>): T | undefined {
  const value = fields[name];
  if (value === undefined || field.fits(value)) return value;
  const got = JSON.stringify(value).slice(0, 80);
  throw new Refusal(400, `${name} must be ${field.expected}, got ${got}`);
}

function line(most: number, description: string): Field<string> {
  return {
    expected: `a line of 1 to ${most} characters`,
    schema: { type: "string", minLength: 1, maxLength: most, description },
    fits: (value): value is string =>
      typeof value === "string" && value.length <= most && PRINTABLE.test(value) && value.trim() !== "",
  };
}

function matching(pattern: RegExp, expected: string, description: string): Field<string> {
  return {
    expected,
    schema: { type: "string", description },
    fits: (value): value is string => typeof value === "string" && pattern.test(value),
  };
}

function oneOf<Word extends string>(words: readonly Word[], description: string): Field<Word> {
  return {
    expected: words.join(" or "),
    schema: { enum: words, description },
    fits: (value): value is Word => words.some((word) => word === value),
  };
}

function list<T>(
  item: Field<T>,
  {
    most,
    least = 0,
    description,
  }: { readonly most: number; readonly least?: number; readonly description: string },
): Field<readonly T[]> {
  return {
    expected: `a list of ${least} to ${most} different items, each ${item.expected}`,
    schema: {
      type: "array",
      items: item.schema,
      minItems: least,
      maxItems: most,
      uniqueItems: true,
      description,
    },
    fits: (value): value is readonly T[] =>
      Array.isArray(value) &&
      value.length >= least &&
      value.length <= most &&
      value.every((one) => item.fits(one)) &&
      new Set(value).size === value.length,
  };
}
