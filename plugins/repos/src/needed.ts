import type { PluginScope } from "@claudeway/core";

/** How many of a session's latest turns are searched for denied calls, as the gateway does when one is approved. */
const TURNS_LOOKED_AT = 100;

/**
 * Whether a task's folder is still needed: a turn of it has not ended, or a call was denied that may still be approved, however
 * its other turns ended.
 */
export async function isNeeded(
  { sessions, ledger }: Pick<PluginScope, "sessions" | "ledger">,
  sessionId: string,
): Promise<boolean> {
  const { turns } = await sessions.turns(sessionId, { page: 1, limit: TURNS_LOOKED_AT });
  const ran = new Set<string>();
  for (const { id, ended } of turns) {
    if (ended === undefined) return true;
    const { permission_denials: denied = [], approved = [] } = (await ledger.response(id)) ?? {};
    for (const call of approved) if (call.ran) ran.add(call.tool_use_id);
    if (denied.some((call) => call.approvable !== false && !ran.has(call.tool_use_id))) return true;
    // An approved call may have run in it: none that was denied before can be approved any more.
    if (ended.end === "lost") return false;
  }
  return false;
}
