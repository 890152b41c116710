import type { Fields } from "@claudeway/chat";
import type { SessionRecord, SessionsView, TurnRunner } from "@claudeway/core";
import { flag, number, optional, text } from "../fields.js";
import type { Tool } from "../tool.js";
import { follow } from "../turns.js";
import { APPEND, EFFORT, MODEL, SYSTEM_PROMPT, TURN_FIELDS, turnRequest, WORKDIR } from "./turn-fields.js";

export interface SessionToolParts {
  readonly turns: TurnRunner;
  readonly sessions: Pick<SessionsView, "list">;
  readonly timeoutSecs: number;
}

const SESSION_ID = text("session_id", "The session's id.");
const TITLE = optional(text("title", "A name for the session, of up to 200 characters."));
const WITHDRAW = optional(
  flag("withdraw_pending", "True: withdraw a call of the session that waits for a decision."),
);
export const PAGE = optional(
  number("page", "The page, from 1.", { minimum: 1, maximum: 1_000_000, integer: true }),
);
export const LIMIT = optional(
  number("limit", "How many on a page; 20 if left out.", { minimum: 1, maximum: 100, integer: true }),
);

/** Tools for conversations. */
export function sessionTools({ turns, sessions, timeoutSecs }: SessionToolParts): Tool[] {
  const start: Tool = {
    name: "session_start",
    title: "Start a session",
    description:
      "Starts a conversation with Claude Code on the gateway. It has a folder of its own unless workdir names one. Costs nothing.",
    fields: [MODEL, SYSTEM_PROMPT, APPEND, EFFORT, WORKDIR, TITLE],
    run: async (given, { caller }) => {
      const title = TITLE.of(given);
      const session = await turns.startSession(caller.keyId, newSession(given));
      if (title !== undefined) {
        await turns.renameSession(caller.keyId, session.id, title).catch(async (error: unknown) => {
          // The client does not get its id.
          await turns.endSession(caller.keyId, session.id);
          throw error;
        });
      }
      const data = viewOf({ ...session, title });
      return { text: `Started session ${session.id}.`, data };
    },
  };
  const prompt: Tool = {
    name: "session_prompt",
    title: "Send a prompt to a session",
    description: "Sends a prompt to a session and returns the answer. Prompts of one session run in order.",
    fields: [SESSION_ID, ...TURN_FIELDS, WITHDRAW],
    run: async (given, call) => {
      const request = {
        ...turnRequest(given, timeoutSecs),
        withdrawPending: WITHDRAW.of(given) ?? false,
      };
      return follow(await turns.prompt(call.caller.keyId, SESSION_ID.of(given), request), call);
    },
  };
  const list: Tool = {
    name: "session_list",
    title: "List sessions",
    description: "The sessions of this key, newest first.",
    fields: [PAGE, LIMIT],
    readOnly: true,
    run: async (given, { caller }) => {
      const query = { page: PAGE.of(given) ?? 1, limit: LIMIT.of(given) ?? 20 };
      const found = await sessions.list({ keyId: caller.keyId, ...query });
      const data = { sessions: found.sessions.map(viewOf), total: found.total, ...query };
      return { text: JSON.stringify(data), data };
    },
  };
  const end: Tool = {
    name: "session_end",
    title: "End a session",
    description: "Ends a session for good, with its running turn and the folder that was made for it.",
    fields: [SESSION_ID],
    destructive: true,
    run: async (given, { caller }) => {
      const id = SESSION_ID.of(given);
      await turns.endSession(caller.keyId, id);
      return { text: `Ended session ${id}.`, data: { session_id: id, deleted: true } };
    },
  };
  return [start, prompt, list, end];
}

function newSession(given: Fields) {
  const [model, systemPrompt, workdir] = [MODEL.of(given), SYSTEM_PROMPT.of(given), WORKDIR.of(given)];
  const [append, effort] = [APPEND.of(given), EFFORT.of(given)];
  return {
    ...(model !== undefined && { model }),
    ...(systemPrompt !== undefined && { systemPrompt }),
    ...(workdir !== undefined && { workdir }),
    options: {
      ...(append !== undefined && { appendSystemPrompt: append }),
      ...(effort !== undefined && { effort }),
    },
  };
}

function viewOf(session: SessionRecord) {
  const { id, title, model, workdir, createdAt, lastUsed, taskCount, totals } = session;
  return {
    session_id: id,
    ...(title !== undefined && { title }),
    model,
    workdir,
    created_at: createdAt,
    last_used: lastUsed,
    task_count: taskCount,
    cost_usd: totals.unpriced > 0 && totals.costUsd === 0 ? null : totals.costUsd,
  };
}
