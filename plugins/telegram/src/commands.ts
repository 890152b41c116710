import type { LedgerView, PluginScope, SessionsView, TurnRunner } from "@claudeway/core";
import type { BotCommand } from "telegraf/types";
import type { Chat } from "./chat.js";
import type { TelegramConfig } from "./config.js";
import type { Conversations } from "./conversations.js";
import { codeOf } from "./failures.js";
import { plainHtml } from "./html.js";
import { chainKey, placeOf, threadOf, topicKey } from "./places.js";
import type { State } from "./state.js";
import type { Say } from "./texts.js";

export interface CommandsOptions {
  readonly config: TelegramConfig;
  readonly chat: Chat;
  readonly conversations: Conversations;
  readonly state: State;
  readonly say: Say;
  readonly turns: TurnRunner;
  readonly sessions: Pick<SessionsView, "get">;
  readonly ledger: Pick<LedgerView, "byKey">;
  readonly scope: Pick<PluginScope, "log">;
}

/** A command as written in the chat. */
export interface Command {
  readonly name: string;
  readonly argument: string;
  /** The bot that it names, if any. */
  readonly bot: string | undefined;
}

const NAMES = ["new", "stop", "status", "close", "help"] as const;
type Name = (typeof NAMES)[number];

const MAX_MODEL = 100;

/** The commands that Telegram suggests after a slash. */
export function botCommands(say: Say): BotCommand[] {
  const described = {
    new: "helpNew",
    stop: "helpStop",
    status: "helpStatus",
    close: "helpClose",
    help: "helpHelp",
  } as const;
  return NAMES.map((name) => ({ command: name, description: say(described[name]) }));
}

/** Undefined if the text is not a command. */
export function parseCommand(text: string): Command | undefined {
  const [, name, bot, argument = ""] = /^\/([A-Za-z]\w*)(?:@(\w+))?(?:\s+([\s\S]*))?$/.exec(text) ?? [];
  return name === undefined ? undefined : { name: name.toLowerCase(), bot, argument: argument.trim() };
}

/** The bot's own commands. Others are prompts, since the CLI has slash commands too. */
export class Commands {
  constructor(private readonly options: CommandsOptions) {}

  /** False if it is not a command of the bot. */
  async run({ name, argument }: Command, key: string, messageId: number, forum: boolean): Promise<boolean> {
    const known = NAMES.find((one) => one === (name === "start" ? "help" : name));
    if (known === undefined) return false;
    const run: Readonly<Record<Name, () => Promise<void>>> = {
      new: () => this.#new(key, messageId, argument, forum),
      stop: () => this.#stop(key, messageId),
      status: () => this.#status(key, messageId),
      close: () => this.#close(key, messageId, forum),
      help: () => this.options.conversations.note(key, messageId, "help"),
    };
    await run[known]();
    return true;
  }

  /** In General: a new topic. In a topic: a new session there. In a plain chat: a new reply chain. */
  async #new(key: string, messageId: number, argument: string, forum: boolean): Promise<void> {
    const { state, conversations, config } = this.options;
    const model = argument.slice(0, MAX_MODEL) || config.model;
    if (!forum) {
      const fresh = chainKey(messageId);
      state.link(messageId, fresh);
      state.setConversation(fresh, { model });
      return conversations.note(fresh, messageId, "newInChat", { model });
    }
    if (key === topicKey(undefined) && (await this.#newTopic(messageId, model))) return;
    state.setConversation(key, { model });
    await conversations.note(key, messageId, "newInTopic", { model });
  }

  /** False if the bot may not create topics. */
  async #newTopic(messageId: number, model: string): Promise<boolean> {
    const { chat, state, conversations, say, scope } = this.options;
    const name = say("newTopic", { model, time: new Date().toISOString().slice(5, 16).replace("T", " ") });
    try {
      const key = topicKey(await chat.createTopic(name));
      state.setConversation(key, { model });
      await chat.send(plainHtml(say("newInTopic", { model }), 1000), placeOf(key));
    } catch (error) {
      scope.log.warn({ err: error }, "could not create a topic; the session is in General");
      return false;
    }
    await conversations.note(topicKey(undefined), messageId, "seeTopic", { name });
    return true;
  }

  async #stop(key: string, messageId: number): Promise<void> {
    const { state, turns, conversations, config } = this.options;
    const count = conversations.drop(key);
    const sessionId = state.conversation(key)?.sessionId;
    const stopped = sessionId !== undefined && (await interrupt(turns, config.key_id, sessionId));
    if (count > 0) return conversations.note(key, messageId, "stoppedMany", { count });
    await conversations.note(key, messageId, stopped ? "stopped" : "nothingRuns");
  }

  async #status(key: string, messageId: number): Promise<void> {
    const { state, sessions, ledger, config, conversations, say, chat } = this.options;
    const sessionId = state.conversation(key)?.sessionId;
    const session = sessionId === undefined ? undefined : await sessions.get(sessionId);
    const mine = (await ledger.byKey()).find(({ keyId }) => keyId === config.key_id);
    const waiting = conversations.waitingIn(key);
    const parts = [
      session === undefined
        ? say("noSession")
        : say("statusSession", {
            id: session.id,
            model: session.model,
            turns: session.taskCount,
            cost: money(session.totals.costUsd),
            input: session.totals.tokens.input,
            output: session.totals.tokens.output,
          }),
      ...(waiting > 0 ? [say("statusRunning", { count: waiting - 1 })] : []),
      say("statusKey", { turns: mine?.requests ?? 0, cost: money(mine?.costUsd ?? 0) }),
    ];
    state.link(await chat.send(plainHtml(parts.join("\n\n"), 2000), placeOf(key, messageId)), key);
  }

  async #close(key: string, messageId: number, forum: boolean): Promise<void> {
    const { state, turns, conversations, chat, config, scope } = this.options;
    const sessionId = state.conversation(key)?.sessionId;
    if (sessionId === undefined) return conversations.note(key, messageId, "noSession");
    conversations.drop(key);
    try {
      await turns.endSession(config.key_id, sessionId);
    } catch (error) {
      if (codeOf(error) !== "NOT_FOUND") throw error;
    }
    state.setConversation(key, undefined);
    await conversations.note(key, messageId, "closed");
    const thread = threadOf(key);
    if (!forum || thread === undefined) return;
    await chat.closeTopic(thread).catch((error: unknown) => {
      scope.log.debug({ err: error }, "the topic stays open: the bot may not close it");
    });
  }
}

async function interrupt(turns: TurnRunner, keyId: string, sessionId: string): Promise<boolean> {
  try {
    return await turns.interrupt(keyId, sessionId);
  } catch (error) {
    if (codeOf(error) === "NOT_FOUND") return false;
    throw error;
  }
}

function money(usd: number): string {
  return `$${usd.toFixed(4)}`;
}
