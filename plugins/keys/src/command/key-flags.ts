import { parseArgs } from "node:util";

/** What the words after `claudeway keys` say. */
export interface KeyFlags {
  /** The fields of a body; null for those that are to be removed. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly grace: number | undefined;
  readonly running: string | undefined;
  readonly json: boolean;
}

const MANY = { type: "string", multiple: true } as const;
const ONE = { type: "string" } as const;
const OPTIONS = {
  name: ONE,
  owner: ONE,
  tag: MANY,
  expires: ONE,
  model: MANY,
  "permission-mode": MANY,
  workdir: MANY,
  "max-running": ONE,
  allow: MANY,
  unset: MANY,
  grace: ONE,
  running: ONE,
  json: { type: "boolean" },
} as const;

/** Throws an Error of one line if the words make no sense. The gateway checks the values. */
export function readFlags(
  args: readonly string[],
  actions: readonly string[],
): { readonly action: string; readonly key: string; readonly flags: KeyFlags } {
  const { values, positionals } = parsed(args);
  const [action = "", key, ...more] = positionals;
  if (!actions.includes(action))
    throw new Error(`keys: the action must be one of ${actions.join(", ")}, got ${JSON.stringify(action)}`);
  const wanted = action === "list" ? 0 : 1;
  if (positionals.length !== 1 + wanted || more.length > 0) {
    const what = action === "create" ? "a name" : "the id of a key";
    throw new Error(`keys: ${action} must be followed by ${wanted === 0 ? "nothing" : what}`);
  }
  const { grace, running, json = false, unset = [], ...given } = values;
  const settings = {
    name: given.name,
    owner: given.owner,
    tags: given.tag,
    expires_at: given.expires,
    models: given.model,
    permission_modes: given["permission-mode"],
    workdirs: given.workdir,
    max_running: numberOf("max-running", given["max-running"]),
    allow: given.allow,
  };
  const set = Object.entries(settings).filter(([, value]) => value !== undefined);
  const removed = unset.map((field) => [field, null] as const);
  return {
    action,
    key: key ?? "",
    flags: {
      settings: Object.fromEntries([...removed, ...set]),
      grace: numberOf("grace", grace),
      running,
      json,
    },
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new Error(`keys: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function numberOf(flag: string, given: string | undefined): number | undefined {
  if (given === undefined) return undefined;
  if (/^\d{1,12}$/.test(given)) return Number(given);
  throw new Error(`keys: --${flag} must be an integer, got ${JSON.stringify(given)}`);
}
