import { definePlugin } from "@claudeway/core";
import configSchema from "../config.schema.json" with { type: "json" };
import type { KeysConfig } from "./config.js";
import { KeyDirectory } from "./directory.js";
import { KeyActions } from "./key-actions.js";
import { LastUse } from "./last-use.js";
import { ADMIN_PATHS, ME_PATHS } from "./openapi.js";
import { KEYS_PAGE } from "./page.js";
import { checkPlan } from "./restrictions.js";
import { RevokedTurns } from "./revoked-turns.js";
import { adminRoutes } from "./routes/admin.js";
import { meRoutes } from "./routes/me.js";
import { CHANGED } from "./tombstones.js";
import { KeyViews } from "./views.js";

export default definePlugin<KeysConfig, "keys" | "turns">({
  name: "keys",
  apiVersion: 1,
  configSchema,
  needs: ["keys", "turns"],
  // A change that the old instance makes while a new one reads the keys would be lost on the new one. Between gateways,
  // each reads the keys again after a change.
  exclusive: "node",
  async apply(
    { hooks, keys, ledger, log, mount, onDispose, page, shared, signal, store, turns },
    { max_keys: maxKeys, on_revoke: onRevoke },
  ) {
    const configured = new Set(keys.list().map(({ id }) => id.toLowerCase()));
    let reload: () => Promise<void> = () => Promise.reject(new Error("keys are not loaded yet"));
    // First, so that no change of another gateway falls between.
    await store.watch(CHANGED.key, signal, () => reload());
    const directory = await KeyDirectory.load({ store, log, maxKeys, configured });
    onDispose(() => directory.close());
    const lastUse = new LastUse(store, log, shared);
    onDispose(() => lastUse.close());
    await lastUse.load();
    const revoked = new RevokedTurns({ directory, ledger, turns, store, shared, onRevoke, log });
    onDispose(() => revoked.close());
    reload = async () => {
      await directory.reload();
      lastUse.forgetDeleted((id) => directory.isDeleted(id));
      await revoked.cancelOrdered();
    };
    onDispose(keys.limit((keyId) => directory.limitOf(keyId)));

    hooks.authenticate.tap("keys", (request) => {
      const { secret } = request.credentials();
      const answer = secret === undefined ? undefined : directory.authenticate(secret);
      if (answer !== undefined && "keyId" in answer) lastUse.note(answer.keyId);
      return answer;
    });
    hooks.beforeExecute.tap("limits", (plan, turn) => {
      const refusal = revoked.refusalOf(turn);
      if (refusal !== undefined) throw refusal;
      const settings = directory.get(turn.keyId)?.settings;
      if (settings !== undefined) checkPlan(plan, settings);
    });
    // It began by itself after the turn that may finish, and its work would never end.
    hooks.backgroundTurn.tap("revoked", (turn) => revoked.refusalOf(turn));
    // A parked turn goes on without passing beforeExecute.
    hooks.spawn.tap("revoked", (_plan, turn) => {
      const refusal = turn && revoked.refusalToGoOn(turn);
      if (refusal !== undefined) throw refusal;
    });
    const views = new KeyViews({ directory, lastUse, keys, ledger });
    const actions = new KeyActions({ directory, lastUse, revoked, log });
    mount("/admin/keys", adminRoutes(actions, views), { auth: "admin", openapi: ADMIN_PATHS });
    page(KEYS_PAGE);
    mount("/me", meRoutes(views), { openapi: ME_PATHS });
  },
});
