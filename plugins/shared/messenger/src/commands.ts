import type { Keys, LedgerView, PluginScope, SessionsView, TurnRunner } from "@claudeway/core";
import type { Conversations, TurnTerms } from "./conversations.js";
import { codeOf, reasonOf } from "./failures.js";
import type { Messenger } from "./messenger.js";
import { Repositories } from "./repositories.js";
import type { SessionFiles } from "./session-files.js";
import type { State } from "./state.js";
import type { Say, TextKey } from "./texts.js";

export interface CommandsOptions {
  readonly terms: TurnTerms;
  readonly messenger: Messenger;
  readonly conversations: Conversations;
  readonly files: SessionFiles;
  readonly state: State;
  readonly say: Say;
  readonly turns: TurnRunner;
  readonly keys: Pick<Keys, "describe">;
  readonly sessions: Pick<SessionsView, "get">;
  readonly ledger: Pick<LedgerView, "byKey">;
  readonly scope: Pick<PluginScope, "log">;
}

/** A command as written in the chat. */
export interface Command {
  readonly name: string;
  readonly argument: string;
}

const NAMES = ["new", "stop", "status", "file", "repos", "close", "help"] as const;
type Name = (typeof NAMES)[number];

const MAX_MODEL = 100;

const DESCRIBED: Readonly<Record<Name, TextKey>> = {
  new: "helpNew",
  stop: "helpStop",
  status: "helpStatus",
  file: "helpFile",
  repos: "helpRepos",
  close: "helpClose",
  help: "helpHelp",
};

const ARGUMENTS: Readonly<Record<string, string>> = { new: " [model]", file: " <path>", repos: " [name]" };

/** Every command and what it does. */
export function commandList(say: Say): { readonly name: string; readonly does: string }[] {
  return NAMES.map((name) => ({ name, does: say(DESCRIBED[name]) }));
}

/** Whether it is a command of the bot. Others are prompts, since the CLI has slash commands too. */
export function isCommand(name: string): boolean {
  return nameOf(name) !== undefined;
}

function nameOf(name: string): Name | undefined {
  return NAMES.find((known) => known === (name === "start" ? "help" : name));
}

/** The bot's own commands. */
export class Commands {
  readonly #repositories: Repositories;

  constructor(private readonly options: CommandsOptions) {
    this.#repositories = new Repositories(options);
  }

  async run({ name, argument }: Command, key: string, messageId: string): Promise<void> {
    const known = nameOf(name);
    if (known === undefined) return;
    const run: Readonly<Record<Name, () => Promise<void>>> = {
      new: () => this.#new(key, messageId, argument),
      stop: () => this.#stop(key, messageId),
      status: () => this.#status(key, messageId),
      file: () => this.#file(key, messageId, argument),
      repos: () => this.#repositories.run(key, messageId, argument),
      close: () => this.#close(key, messageId),
      help: () => this.#help(key, messageId),
    };
    await run[known]();
  }

  async #help(key: string, messageId: string): Promise<void> {
    const { say, messenger, conversations } = this.options;
    const prefix = messenger.commandPrefix;
    const lines = commandList(say).map(
      ({ name, does }) => `${prefix}${name}${ARGUMENTS[name] ?? ""} – ${does}`,
    );
    await conversations.write(key, messageId, [say(messenger.intro), "", ...lines].join("\n"));
  }

  async #new(key: string, messageId: string, argument: string): Promise<void> {
    const { state, conversations, terms, messenger, say } = this.options;
    const model = argument.slice(0, MAX_MODEL) || terms.model;
    const place = await messenger.newPlace(key, messageId, model, say);
    state.setConversation(place.key, { model });
    if (place.name === undefined) {
      state.link(messageId, place.key);
      return conversations.note(place.key, messageId, place.text, { model });
    }
    await conversations.write(place.key, undefined, say(place.text, { model }));
    await conversations.note(key, messageId, "seeTopic", { name: place.name });
  }

  async #stop(key: string, messageId: string): Promise<void> {
    const { state, turns, conversations, terms } = this.options;
    const count = conversations.drop(key);
    const interrupts = state.sessionsOf(key).map((id) => interrupt(turns, terms.keyId, id));
    const stopped = (await Promise.all(interrupts)).includes(true);
    if (count > 0) return conversations.note(key, messageId, "stoppedMany", { count });
    await conversations.note(key, messageId, stopped ? "stopped" : "nothingRuns");
  }

  async #status(key: string, messageId: string): Promise<void> {
    const { state, sessions, ledger, terms, conversations, say } = this.options;
    const sessionId = state.conversation(key)?.sessionId;
    const session = sessionId === undefined ? undefined : await sessions.get(sessionId);
    const mine = (await ledger.byKey()).find(({ keyId }) => keyId === terms.keyId);
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
    await conversations.write(key, messageId, parts.join("\n\n"));
  }

  /** Sends a file of the session's workdir. */
  async #file(key: string, messageId: string, path: string): Promise<void> {
    const { state, conversations, files } = this.options;
    const sessionId = state.conversation(key)?.sessionId;
    if (sessionId === undefined) return conversations.note(key, messageId, "noSession");
    if (path === "") return conversations.note(key, messageId, "noFile", { path: "–" });
    try {
      await files.send({ sessionId, key, replyTo: messageId, path });
    } catch (error) {
      if (codeOf(error) === "NOT_FOUND") return conversations.note(key, messageId, "noFile", { path });
      await conversations.note(key, messageId, "notAllowed", { reason: reasonOf(error) });
    }
  }

  async #close(key: string, messageId: string): Promise<void> {
    const { state, turns, conversations, messenger, terms, scope } = this.options;
    const sessionId = state.conversation(key)?.sessionId;
    if (sessionId === undefined) return conversations.note(key, messageId, "noSession");
    conversations.drop(key);
    try {
      await turns.endSession(terms.keyId, sessionId);
    } catch (error) {
      if (codeOf(error) !== "NOT_FOUND") throw error;
    }
    state.setConversation(key, undefined);
    await conversations.note(key, messageId, "closed");
    await messenger.closed(key).catch((error: unknown) => {
      scope.log.debug({ err: error }, "could not close the conversation in the messenger");
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
