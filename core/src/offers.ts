import { randomUUID } from "node:crypto";
import {
  type Capabilities,
  NOTHING_OFFERED,
  type Offers,
  type TurnHandle,
  type TurnRunner,
} from "./kernel/capabilities.js";
import type { Ledger } from "./ledger/ledger.js";
import type { Sessions } from "./sessions.js";
import type { RunningTurns } from "./turns/running.js";
import type { Turn } from "./turns/turn.js";
import type { Caller } from "./turns/types.js";

/** What plugins can't tell from silence: their readers need no comments to keep a proxy awake. */
const HEARTBEAT_MS = 15_000;
const DEFAULT_TIMEOUT_SECS = 600;

export interface OfferParts extends Pick<Capabilities, "control"> {
  readonly ledger: Ledger;
  readonly sessions: Sessions;
  readonly turns: RunningTurns;
}

/** What the gateway offers to plugins. */
export function createOffers({ ledger, sessions, turns, control }: OfferParts): Offers {
  return {
    get approvals() {
      return NOTHING_OFFERED.approvals;
    },
    control,
    turns: createTurnRunner(sessions, turns),
    sessions: {
      get: (id) => ledger.sessions.get(id),
      list: (query) => ledger.sessions.list(query),
      turns: (sessionId, query) => ledger.turns.listBySession(sessionId, query),
    },
    ledger: {
      overview: () => ledger.totals.overview(),
      byKey: () => ledger.totals.byKey(),
      costs: (groupBy, limit) => ledger.totals.costs(groupBy, limit),
      turn: (id) => ledger.turns.get(id),
      response: (turnId) => ledger.turns.response(turnId),
    },
  };
}

function createTurnRunner(sessions: Sessions, turns: RunningTurns): TurnRunner {
  return {
    startSession: (keyId, { model = "sonnet", systemPrompt, workdir } = {}) =>
      sessions.start(asCaller(keyId), {
        model,
        ...(systemPrompt === undefined ? {} : { system_prompt: systemPrompt }),
        ...(workdir === undefined ? {} : { workdir }),
      }),
    prompt: async (keyId, sessionId, { prompt, timeoutSecs = DEFAULT_TIMEOUT_SECS, verbatim = false }) =>
      handleOf(
        await sessions.prompt(
          asCaller(keyId),
          sessionId,
          { prompt, timeout_secs: timeoutSecs, verbatim, stream: "text", detach: true },
          randomUUID(),
        ),
      ),
    approve: async (keyId, sessionId, toolUseIds) =>
      handleOf(await sessions.approve(asCaller(keyId), sessionId, toolUseIds, randomUUID())),
    interrupt: (keyId, sessionId) => sessions.interrupt(asCaller(keyId), sessionId),
    endSession: (keyId, sessionId) => sessions.delete(asCaller(keyId), sessionId),
    follow: (turnId) => {
      const turn = turns.get(turnId);
      return turn === undefined ? undefined : handleOf(turn);
    },
  };
}

function handleOf(turn: Turn): TurnHandle {
  return {
    id: turn.info.id,
    sessionId: turn.info.sessionId,
    read: ({ mode, after = 0 }) => turn.stream.read({ mode, after, heartbeatMs: HEARTBEAT_MS }),
    answer: turn.ended.then(({ outcome }) => outcome.response),
    interrupt: () => turn.stop("interrupted"),
  };
}

/** A plugin acts as a key id; it is nobody's admin. */
function asCaller(keyId: string): Caller {
  return { keyId, admin: false };
}
