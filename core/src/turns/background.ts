import { randomUUID } from "node:crypto";
import type { SessionEvents } from "@claudeway/events";
import type { Kernel } from "@claudeway/kernel";
import type {
  BackgroundTask,
  BackgroundTurn,
  EngineEvent,
  Epoch,
  LostTask,
  SessionListener,
  TurnInfo,
} from "@claudeway/ports";
import type { EventKind } from "@claudeway/schemas";
import { claimHere } from "./claim-here.js";
import type { WrittenSince } from "./lost.js";
import type { Records } from "./request.js";
import type { RunningTurns } from "./running.js";
import { markOf } from "./turn-recorder.js";

/** The "route" of turns that the CLI begins by itself. */
const BACKGROUND_ROUTE = "background";
/** The timeout of such turns, which no request sets, in ms. */
const TIMEOUT_MS = 600_000;

export interface BackgroundParts {
  readonly records: Records;
  readonly turns: RunningTurns;
  readonly events: SessionEvents;
  readonly kernel: Kernel;
}

/** Creates turns for what the CLI begins by itself, and records its background work. */
export class Background implements SessionListener {
  constructor(private readonly parts: BackgroundParts) {}

  began(background: BackgroundTurn): void {
    const { info, plan } = background.after;
    const { sessionId, kind, keyId } = info;
    const createdAt = new Date().toISOString();
    this.parts.turns.follow({
      info: { id: randomUUID(), sessionId, kind, keyId, origin: "background", createdAt },
      plan: { ...plan, prompt: "", timeoutMs: TIMEOUT_MS },
      route: BACKGROUND_ROUTE,
      background,
    });
  }

  tasks(sessionId: string, running: readonly BackgroundTask[]): void {
    const { records, events } = this.parts;
    events.tasks(sessionId, running);
    this.#write(sessionId, (claim) => records.ledger.sessions.setBackground(sessionId, running, claim));
  }

  lost(sessionId: string, tasks: readonly LostTask[]): void {
    const { records, events } = this.parts;
    logLost(records, sessionId, tasks);
    events.lost(sessionId, tasks);
    // A one-shot task's own answer reports these.
    const unreported = tasks.filter(({ reason }) => reason !== "task");
    if (unreported.length > 0)
      this.#write(sessionId, (claim) => records.ledger.sessions.addLost(sessionId, unreported, claim));
  }

  wants(_kind: EventKind, { sessionId }: TurnInfo): boolean {
    const { events, kernel } = this.parts;
    return events.has(sessionId) || kernel.hooks.event.isUsed();
  }

  event(event: EngineEvent, after: TurnInfo): void {
    const { events, kernel } = this.parts;
    events.between(after.sessionId, event);
    kernel.notify("event", event, after);
  }

  /** Does nothing once the session is another node's: that one records what became of it. */
  #write(sessionId: string, write: (claim: Epoch) => Promise<void>): void {
    const { log, ownership } = this.parts.records;
    const claim = ownership.held(sessionId);
    if (claim === undefined) return;
    write(claim).catch((error: unknown) => {
      log.error({ err: error, session_id: sessionId }, "could not record background work in the ledger");
    });
  }
}

/**
 * Called before lost turns are recorded, once after a start, or for a session that was taken from a dead node: marks the
 * background work of the previous gateway as lost. What a subagent used after its turn gets a turn of its own, which is
 * recorded with the lost ones.
 */
export async function loseBackground(
  records: Records,
  writtenSince: WrittenSince,
  sessionId?: string,
): Promise<void> {
  const { sessions, afterCrash } = records.ledger;
  const affected = new Set(afterCrash && sessionId === undefined ? await sessions.uncharged() : []);
  for (const { id, lost } of await sessions.loseBackground(sessionId)) {
    logLost(records, id, lost);
    affected.add(id);
  }
  for (const id of affected) await beginLost(id, records, writtenSince);
}

async function beginLost(
  id: string,
  { ledger, ownership }: Records,
  writtenSince: WrittenSince,
): Promise<void> {
  const session = await ledger.sessions.get(id);
  const { turns } = await ledger.turns.listBySession(id, { page: 1, limit: 1 });
  const last = turns[0]?.ended;
  // A turn that is still open gets everything.
  if (session === undefined || last === undefined) return;
  const { cliTotals, keyId, kind, model } = session;
  const written = await writtenSince(cliTotals?.session ?? id, keyId, new Date(last.at), cliTotals);
  if (written === undefined) return;
  const info = { id: randomUUID(), sessionId: id, kind, keyId, createdAt: last.at };
  const origin = "background" as const;
  const turn = { ...info, origin, route: BACKGROUND_ROUTE, model, prompt: markOf({ prompt: "" }) };
  await ledger.turns.begin(turn, await claimHere(ownership, id));
}

function logLost({ log }: Records, sessionId: string, tasks: readonly LostTask[]): void {
  for (const { id: task_id, kind, reason } of tasks)
    log.warn(
      { session_id: sessionId, task_id, kind, reason },
      "background work was stopped before it finished",
    );
}
