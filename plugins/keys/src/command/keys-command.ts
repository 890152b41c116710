import { type CommandCall, defineCommand } from "@claudeway/core";
import { fieldsIn } from "../json-object.js";
import { type KeyFlags, readFlags } from "./key-flags.js";
import { keyTable } from "./key-table.js";

/** Keys on a page. */
const PAGE = 1000;

/** One action, on the key with this id, or with this name if it makes one. */
type Action = (key: string, flags: KeyFlags, call: CommandCall) => Promise<void>;

const ACTIONS: Readonly<Record<string, Action>> = {
  async list(_key, { json }, call) {
    const keys = await allKeys(call);
    call.print(json ? JSON.stringify(keys, null, 2) : keyTable(keys));
  },
  async create(name, flags, call) {
    printIssued(await call.request("/admin/keys", { body: { name, ...flags.settings } }), flags, call);
  },
  async show(id, _flags, call) {
    call.print(JSON.stringify(await call.request(pathOf(id)), null, 2));
  },
  async change(id, { settings }, call) {
    const changed = await call.request(pathOf(id), { method: "PATCH", body: settings });
    call.print(JSON.stringify(changed, null, 2));
  },
  async rotate(id, flags, call) {
    const body = flags.grace === undefined ? {} : { grace_secs: flags.grace };
    printIssued(await call.request(pathOf(id, "/rotate"), { body }), flags, call);
  },
  async enable(id, _flags, call) {
    await call.request(pathOf(id, "/enable"), { body: {} });
    call.print(`${id}: enabled`);
  },
  async disable(id, { running }, call) {
    const body = running === undefined ? {} : { running };
    call.print(`${id}: disabled${cancelled(await call.request(pathOf(id, "/disable"), { body }))}`);
  },
  async delete(id, { running }, call) {
    const query = running === undefined ? "" : `?running=${encodeURIComponent(running)}`;
    call.print(`${id}: deleted${cancelled(await call.request(pathOf(id, query), { method: "DELETE" }))}`);
  },
};

/** `claudeway keys`: asks the running gateway's `/admin/keys`. */
export default defineCommand(async (call) => {
  const { action, key, flags } = readFlags(call.args, Object.keys(ACTIONS));
  await ACTIONS[action]?.(key, flags, call);
});

function pathOf(id: string, rest = ""): `/${string}` {
  return `/admin/keys/${encodeURIComponent(id)}${rest}`;
}

async function allKeys({ request }: CommandCall): Promise<readonly unknown[]> {
  const keys: unknown[] = [];
  for (let page = 1; ; page++) {
    const { keys: found } = fieldsIn(await request(`/admin/keys?page=${page}&limit=${PAGE}`));
    if (!Array.isArray(found)) throw new Error("keys: the gateway answered without a list of keys");
    keys.push(...found);
    if (found.length < PAGE) return keys;
  }
}

/** The secret is the last line, so that a script can take it. */
function printIssued(issued: unknown, { json }: KeyFlags, { print }: CommandCall): void {
  const { key_id: id, secret, old_secret_valid_until: until } = fieldsIn(issued);
  if (json) {
    print(JSON.stringify(issued, null, 2));
    return;
  }
  const old = typeof until === "string" ? `; the one before is accepted until ${until}` : "";
  print(`${id}: its secret is shown this once${old}\n${secret}`);
}

function cancelled(answer: unknown): string {
  const { cancelled_turns: count } = fieldsIn(answer);
  return typeof count === "number" && count > 0 ? `; ${count} of its turns interrupted` : "";
}
