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

type Flag = keyof typeof OPTIONS;

const SETTINGS: readonly Flag[] = [
  "owner",
  "tag",
  "expires",
  "model",
  "permission-mode",
  "workdir",
  "max-running",
  "allow",
];
/** The flags of each action. */
const FLAGS: Readonly<Record<string, readonly Flag[]>> = {
  list: ["json"],
  create: [...SETTINGS, "json"],
  show: [],
  change: ["name", ...SETTINGS, "unset"],
  rotate: ["grace", "json"],
  enable: [],
  disable: ["running"],
  delete: ["running"],
};

/** Throws an Error of one line if the words make no sense. The gateway checks the values. */
export function readFlags(
  args: readonly string[],
  actions: readonly string[],
): { readonly action: string; readonly key: string; readonly flags: KeyFlags } {
  const { values, positionals } = parsed(args);
  const [action = "", key, ...more] = positionals;
  if (!actions.includes(action)) {
    const got = action === "" ? "nothing" : JSON.stringify(action);
    throw new Error(`keys: the action must be one of ${actions.join(", ")}, got ${got}`);
  }
  refuseOthers(action, values);
  const wanted = action === "list" ? 0 : 1;
  if (positionals.length !== 1 + wanted || more.length > 0) {
    const what = action === "create" ? "a name" : "the id of a key";
    const got = positionals.slice(1).map((word) => JSON.stringify(word));
    throw new Error(
      `keys: ${action} must be followed by ${wanted === 0 ? "flags only" : what}, got ${got.join(" ") || "nothing"}`,
    );
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

/** A flag that the action does not read would be lost without a word. */
function refuseOthers(action: string, values: object): void {
  const known: readonly string[] = FLAGS[action] ?? [];
  const other = Object.keys(values).find((flag) => !known.includes(flag));
  if (other === undefined) return;
  const accepted = known.length === 0 ? "no flags" : known.map((flag) => `--${flag}`).join(", ");
  throw new Error(`keys: ${action} accepts ${accepted}, got --${other}`);
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    const [problem = ""] = (error instanceof Error ? error.message : String(error)).split(". ", 1);
    throw new Error(`keys: ${problem.replace(/^U/, "u")}; see claudeway keys --help`);
  }
}

function numberOf(flag: string, given: string | undefined): number | undefined {
  if (given === undefined) return undefined;
  if (/^\d{1,12}$/.test(given)) return Number(given);
  throw new Error(`keys: --${flag} must be an integer, got ${JSON.stringify(given)}`);
}
