import { GatewayError, type GrantedCall, type Ledger } from "@claudeway/ports";

export const APPROVE_ROUTE = "POST /session/:id/approve";

/** How many of a session's latest turns are searched for denied calls. Those that the CLI begins by itself count too. */
const TURNS_LOOKED_AT = 100;

/**
 * The denied calls of the session with these ids. Throws BAD_REQUEST for an id that was not denied there, FORBIDDEN
 * for one that a rule denied or that others must decide, and CONFLICT for one that was already approved and has run.
 */
export async function approvedCalls(
  ledger: Ledger,
  sessionId: string,
  ids: readonly string[],
): Promise<GrantedCall[]> {
  const { denied, ran, closed } = await decisionsOf(ledger, sessionId, ids);
  return [...new Set(ids)].map((id) => {
    const call = denied.get(id);
    if (call === undefined) {
      const known = [...denied.keys()].join(", ") || "none";
      throw new GatewayError(
        "BAD_REQUEST",
        `tool_use_ids: ${id} was not denied in this session; denied calls: ${known}`,
      );
    }
    if (closed.has(id)) {
      throw new GatewayError(
        "FORBIDDEN",
        `tool_use_ids: ${id} was denied by a rule, or is reserved for other deciders; this key may not approve it`,
      );
    }
    if (ran.has(id))
      throw new GatewayError("CONFLICT", `tool_use_ids: ${id} was already approved, and may have run`);
    return call;
  });
}

/**
 * Asks the model to repeat the approved calls, given as one JSON object per line, so that it need not rely on its
 * context.
 */
export function approvalPrompt(granted: readonly GrantedCall[]): string {
  const calls = granted.map(({ tool, input, cwd }) => JSON.stringify({ tool, input, cwd }));
  const elsewhere = granted.some(({ cwd }) => cwd !== undefined);
  return [
    "The user has approved the following tool calls, which were denied before.",
    ...(elsewhere
      ? ["If a call has a cwd, it is approved for that folder only: go there first, with cd."]
      : []),
    "Repeat each of them now, once, with exactly this input, and then continue with the task:",
    ...calls,
  ].join("\n");
}

/** What became of calls, from the latest turn back to the one with the last of those that are looked for. */
async function decisionsOf(ledger: Ledger, sessionId: string, wanted: readonly string[]) {
  const denied = new Map<string, GrantedCall>();
  const ran = new Set<string>();
  const closed = new Set<string>();
  const { turns } = await ledger.turns.listBySession(sessionId, { page: 1, limit: TURNS_LOOKED_AT });
  let approvalLost = false;
  for (const { id, route, ended } of turns) {
    const response = await ledger.turns.response(id);
    // It is unknown which approved calls ran before the gateway was killed, so no earlier call may run a second time.
    if (approvalLost) for (const call of response?.permission_denials ?? []) ran.add(call.tool_use_id);
    approvalLost ||= ended?.end === "lost" && route === APPROVE_ROUTE;
    for (const { tool_use_id, tool_name, tool_input, cwd, approvable } of response?.permission_denials ??
      []) {
      denied.set(tool_use_id, { toolUseId: tool_use_id, tool: tool_name, input: tool_input, cwd });
      if (approvable === false) closed.add(tool_use_id);
    }
    for (const call of response?.approved ?? []) if (call.ran) ran.add(call.tool_use_id);
    if (wanted.every((call) => denied.has(call))) break;
  }
  return { denied, ran, closed };
}
