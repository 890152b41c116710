import { setMaxListeners } from "node:events";
import { definePlugin } from "@claudeway/core";
import configSchema from "../config.schema.json" with { type: "json" };
import { Answers } from "./answers.js";
import { BotApi } from "./api.js";
import { ApprovalButtons } from "./approval-buttons.js";
import { Board } from "./board.js";
import { Bot } from "./bot.js";
import { Buttons } from "./buttons.js";
import { Chat } from "./chat.js";
import { botCommands, Commands } from "./commands.js";
import type { TelegramConfig } from "./config.js";
import { Conversations } from "./conversations.js";
import { DenialButtons } from "./denial-buttons.js";
import { FEED_INTERVAL_MS, Feed, type News } from "./feed.js";
import { budgetNews, expiredNews, parkedNews, requestNews, sessionNews, turnNews } from "./news.js";
import { placeOf, topicKey } from "./places.js";
import { setup } from "./setup.js";
import { State } from "./state.js";
import { type Connected, Supervisor } from "./supervise.js";
import { textsIn } from "./texts.js";

export type { EventKind, TelegramConfig } from "./config.js";

/*
 * Incoming: supervise (long poll) → bot (access check) → commands, conversations (prompts, in order), buttons.
 * Outgoing: answers (of turns, by edits), approval-buttons and denial-buttons (through board), feed; all through chat
 * (the configured chat) and api (retries and pauses). `state` stores what must survive a restart.
 */

export default definePlugin<TelegramConfig, "turns" | "approvals">({
  name: "telegram",
  apiVersion: 1,
  configSchema,
  needs: ["turns", "approvals"],
  // Telegram refuses one of two programs that poll with the same token.
  exclusive: true,
  setup,
  apply(kernel, config) {
    // Each growing answer and each running call adds a listener.
    setMaxListeners(0, kernel.signal);
    const { hooks, log, signal, turns, approvals: approvalService, ledger, sessions } = kernel;
    const scope = kernel;
    const say = textsIn(config.language);
    const state = State.open(kernel.storage, config.chat_id, log);
    const api = new BotApi({
      token: config.bot_token,
      apiRoot: config.api_root,
      timeoutMs: config.request_timeout_secs * 1000,
      signal,
      log,
    });
    const chat = new Chat(api, config.chat_id, kernel);
    const homeKey = topicKey(config.feed_topic);
    const intervalMs = config.edit_interval_ms;
    const shared = { chat, state, say, turns, ledger, sessions, scope, config };

    /** Work in the background: failures are logged, and dispose waits for it. */
    const running = new Set<Promise<void>>();
    const inBackground = (what: string, work: Promise<unknown>): void => {
      const run = work
        .then(() => undefined)
        .catch((error: unknown) => {
          if (!signal.aborted) log.warn({ err: error }, `${what} failed`);
        })
        .finally(() => running.delete(run));
      running.add(run);
    };

    const answers: Answers = new Answers({
      ...shared,
      intervalMs,
      denied: (turn, response) => inBackground("showing denied calls", denials.denied(turn, response)),
    });
    const board = new Board(shared);
    const approvals = new ApprovalButtons({ ...shared, approvalService, board, homeKey });
    const denials = new DenialButtons({ ...shared, approvalService, answers, board, homeKey });
    const buttons = new Buttons({ state, board, approvals, denials });
    const conversations = new Conversations({ ...shared, api, answers });
    const commands = new Commands({ ...shared, conversations });
    const bot = new Bot({ ...shared, api, conversations, commands, buttons, approvals });
    const feed = new Feed({
      ...shared,
      place: placeOf(homeKey),
      events: config.events,
      intervalMs: FEED_INTERVAL_MS,
    });
    const post = (keyId: string | null, news: News | undefined): void => {
      // The chat already shows its own turns.
      if (news !== undefined && keyId !== config.key_id) feed.push(news);
    };

    let connected: Connected | undefined;
    let resumed = false;
    const supervisor = new Supervisor({
      api,
      chatId: config.chat_id,
      pollTimeoutSecs: config.poll_timeout_secs,
      commands: botCommands(say),
      scope,
      connected: (now) => {
        connected = now;
        inBackground("finding pending approvals", buttons.reconcile());
        if (resumed) return;
        resumed = true;
        conversations.resume();
        inBackground("showing answers that came while the plugin was off", answers.catchUp());
      },
      handle: async (update) => {
        if (connected !== undefined) await bot.handle(update, connected.me);
      },
    });

    hooks.approvalRequested.tap("ask", (approval) => inBackground("asking", approvals.asked(approval)));
    hooks.approvalDecided.tap("settle", (approval) => {
      inBackground("showing a decision", approvals.decided(approval));
      if (approval.status === "expired") post(approval.keyId, expiredNews(approval, say));
    });
    hooks.event.tap("parked", (event, turn) => {
      if (event.type !== "done" || event.response.pending_approval === undefined) return;
      post(turn.keyId, parkedNews(turn, say));
    });
    hooks.afterExecute.tap("feed", (turn, outcome) => {
      const { id: turnId, sessionId, keyId } = turn;
      const { response } = outcome;
      post(keyId, turnNews(turn, outcome, say));
      if (answers.shows(turnId)) return;
      const shown = { turnId, sessionId, keyId };
      const after = async (): Promise<void> => {
        await denials.approvedElsewhere(keyId, response);
        const key = state.keyOfSession(sessionId);
        if (turn.origin === "background" && key !== undefined)
          return answers.showUnprompted(response, { ...shown, key });
        if (await answers.goneOn(shown, response)) return;
        if (response.permission_denials !== undefined) await denials.denied(shown, response);
      };
      inBackground("showing the end of a turn", after());
    });
    hooks.budgetWarning.tap("feed", (warning) => feed.push(budgetNews(warning, say)));
    hooks.requestCompleted.tap("feed", (request) => post(request.keyId, requestNews(request, say)));
    hooks.sessionStart.tap("feed", (session) =>
      post(session.keyId, sessionNews(session, "newsStarted", say)),
    );
    hooks.sessionEnd.tap("feed", (session) => post(session.keyId, sessionNews(session, "newsDeleted", say)));

    if (config.allowed_users === undefined) {
      const line =
        "telegram: allowed_users is not set: every member of the chat can send prompts and decide on tool calls";
      log.warn(line);
      kernel.notice(line);
    }
    const polling = supervisor.run();
    kernel.onDispose(async () => {
      await Promise.all([polling, conversations.close(), bot.close(), feed.close(), ...running]);
      await state.saved();
    });
  },
});
