import type { Scope } from "@claudeway/core";
import { ChatPlaces } from "./places.js";
import { ChatSessions } from "./sessions.js";
import { sweepSessions } from "./sweep.js";
import { ChatTurns } from "./turns.js";

/** The settings that both dialects have. */
export interface ChatSettings {
  readonly system_prompt: string;
  readonly timeout_secs: number;
  readonly side_job_model: string;
  /** Further names of models. */
  readonly aliases: Readonly<Record<string, string>>;
  readonly conversations: { readonly max: number; readonly max_age_hours: number };
}

/** Opens the chats of a plugin, in its own part of the ledger, until it is switched off. */
export function openChat(kernel: Scope<"turns">, settings: ChatSettings, store = kernel.store): ChatTurns {
  const { turns, log, sessions: view } = kernel;
  const { conversations, system_prompt: systemPrompt } = settings;
  const places = new ChatPlaces(store, {
    maxSessions: conversations.max,
    maxAgeMs: conversations.max_age_hours * 3_600_000,
  });
  const sessions = new ChatSessions({ turns, view, places, log, systemPrompt });
  sweepSessions(places, sessions, kernel);
  return new ChatTurns({
    turns,
    sessions,
    places,
    log,
    systemPrompt,
    timeoutSecs: settings.timeout_secs,
    sideJobModel: settings.side_job_model,
  });
}
