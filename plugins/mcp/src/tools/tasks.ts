import { setTimeout as sleep } from "node:timers/promises";
import type { Fields } from "@claudeway/chat";
import type { LedgerView, TurnHandle, TurnRecord, TurnRunner } from "@claudeway/core";
import { number, optional, text } from "../fields.js";
import { notFound } from "../refusals.js";
import type { Call, Tool, ToolAnswer, ToolCall } from "../tool.js";
import { answerOf, follow } from "../turns.js";
import { TURN_FIELDS, turnRequest, WORKDIR } from "./turn-fields.js";

/** How long `get_task` may wait, in seconds: less than clients wait for a call. */
const MAX_WAIT_SECS = 50;
/** Between two looks for the end of a turn that another gateway runs, in ms. */
const LOOK_MS = 500;

export interface TaskParts {
  readonly turns: TurnRunner;
  readonly ledger: Pick<LedgerView, "turn" | "response">;
  readonly timeoutSecs: number;
}

const TASK_ID = text("task_id", "The task_id of start_task, or the turn_id of another answer.");
const WAIT = optional(
  number("wait_secs", "How long to wait for the end, in seconds.", { minimum: 0, maximum: MAX_WAIT_SECS }),
);

/** Tools that run prompts without a session. */
export function taskTools({ turns, ledger, timeoutSecs }: TaskParts): Tool[] {
  const start = (given: Fields, { caller }: Call) => {
    const workdir = WORKDIR.of(given);
    const request = { ...turnRequest(given, timeoutSecs), ...(workdir !== undefined && { workdir }) };
    return turns.task(caller.keyId, request);
  };
  /** A turn of the caller. */
  const owned = async (given: Fields, { caller }: Call): Promise<TurnRecord> => {
    const turn = await ledger.turn(TASK_ID.of(given));
    if (turn === undefined || turn.keyId !== caller.keyId) throw notFound("no such task");
    return turn;
  };
  const stateOf = async ({ id, parked, ended }: TurnRecord): Promise<ToolAnswer> => {
    const state = parked !== undefined ? "parked" : (ended?.end ?? "running");
    const response = await ledger.response(id);
    if (response === undefined)
      return { text: `The task is ${state}.`, data: { task_id: id, turn_id: id, state } };
    const answer = answerOf(id, response);
    return { ...answer, data: { task_id: id, state, ...answer.data } };
  };
  return [
    {
      name: "run_task",
      title: "Run a task",
      description:
        "Has Claude Code on the gateway do a task in one turn, and returns its answer. Takes as long as the work takes; use start_task for work of many minutes.",
      fields: [...TURN_FIELDS, WORKDIR],
      run: async (given, call) => follow(await start(given, call), call),
    },
    {
      name: "start_task",
      title: "Start a task",
      description:
        "Starts a task like run_task and returns its task_id at once. It runs on without the client; get_task has its answer.",
      fields: [...TURN_FIELDS, WORKDIR],
      run: async (given, call) => {
        const { id, sessionId } = await start(given, call);
        return { text: `Started task ${id}.`, data: { task_id: id, turn_id: id, session_id: sessionId } };
      },
    },
    {
      name: "get_task",
      title: "Get a task",
      description: "The state of a task or turn, and its answer once it has ended.",
      fields: [TASK_ID, WAIT],
      readOnly: true,
      run: async (given, call) => {
        const turn = await owned(given, call);
        const running = turns.follow(turn.id);
        const ms = (WAIT.of(given) ?? 0) * 1000;
        if (running !== undefined) await wait(running, ms, call);
        else if (isOpen(turn)) await waitElsewhere(() => owned(given, call), ms, call);
        return stateOf(await owned(given, call));
      },
    },
    {
      name: "cancel_task",
      title: "Cancel a task",
      description: "Interrupts a task or turn that runs or waits.",
      fields: [TASK_ID],
      destructive: true,
      run: async (given, call) => {
        const turn = await owned(given, call);
        const { id, sessionId, parked } = turn;
        const running = turns.follow(id);
        running?.interrupt();
        // Only where this turn is parked, or runs at another gateway: otherwise it would end a later one of the session.
        const cancelled =
          running !== undefined ||
          ((parked !== undefined || isOpen(turn)) && (await turns.interrupt(call.caller.keyId, sessionId)));
        const text = cancelled ? `Cancelled task ${id}.` : `Task ${id} had ended.`;
        return { text, data: { task_id: id, cancelled } };
      },
    },
  ];
}

/** Whether the turn waits for its place or runs, perhaps at another gateway. */
function isOpen({ parked, ended }: TurnRecord): boolean {
  return parked === undefined && ended === undefined;
}

/** Looks again and again until a turn of another gateway has ended or parked, for at most `ms`. */
async function waitElsewhere(
  look: () => Promise<TurnRecord>,
  ms: number,
  { signal }: ToolCall,
): Promise<void> {
  const until = performance.now() + ms;
  while (performance.now() < until && !signal.aborted && isOpen(await look()))
    await sleep(Math.min(LOOK_MS, ms), undefined, { signal }).catch(() => undefined);
}

/** Waits until the turn has ended, for at most `ms`, or until the client disconnects. */
async function wait(handle: TurnHandle, ms: number, { signal }: ToolCall): Promise<void> {
  if (ms === 0) return;
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const passed = sleep(ms, undefined, { signal: either }).catch(() => undefined);
  await Promise.race([handle.answer, passed]);
  over.abort();
}
