import type { Keys } from "@claudeway/core";
import type { Conversations, TurnTerms } from "./conversations.js";
import type { Messenger } from "./messenger.js";
import type { State } from "./state.js";
import type { Say } from "./texts.js";

export interface RepositoriesOptions {
  readonly keys: Pick<Keys, "describe">;
  readonly terms: TurnTerms;
  readonly messenger: Messenger;
  readonly conversations: Conversations;
  readonly state: State;
  readonly say: Say;
}

/** A repository that the key has, and the name of a checkout of it as a `workdir`. */
interface Repository {
  readonly repo: string;
  readonly branch: string;
  readonly workdir: string;
}

const MAX_SHOWN = 30;
const MAX_CHOICE = 300;

/** The command that chooses a repository for a conversation. */
export class Repositories {
  constructor(private readonly options: RepositoriesOptions) {}

  /** Lists the key's repositories; with a number or a name, chooses one; with `-`, none. */
  async run(key: string, messageId: string, argument: string): Promise<void> {
    const { conversations, messenger, state, terms } = this.options;
    const found = await this.#find();
    if (found.length === 0) return conversations.note(key, messageId, "noRepos", { key: terms.keyId });
    const choice = argument.slice(0, MAX_CHOICE);
    if (choice === "") return this.#list(found, key, messageId);
    const { model = terms.model, sessionId } = state.conversation(key) ?? {};
    if (sessionId !== undefined)
      return conversations.note(key, messageId, "repoTooLate", { prefix: messenger.commandPrefix });
    if (choice === "-") {
      state.setConversation(key, { model });
      return conversations.note(key, messageId, "repoNone");
    }
    const workdir = workdirOf(choice, found);
    if (workdir === undefined) return conversations.note(key, messageId, "repoUnknown", { name: choice });
    state.setConversation(key, { model, workdir });
    // In a plain chat, a reply to this message belongs to it.
    state.link(messageId, key);
    await conversations.note(key, messageId, "repoChosen", { workdir: workdir.slice(PREFIX.length) });
  }

  async #list(found: readonly Repository[], key: string, messageId: string): Promise<void> {
    const { conversations, messenger, say, state } = this.options;
    const chosen = state.conversation(key)?.workdir;
    const lines = found.slice(0, MAX_SHOWN).map(({ repo, branch, workdir }, index) => {
      const mark = workdir === chosen ? " ✅" : "";
      return `${index + 1}. ${repo} (${branch})${mark}`;
    });
    const more = found.length > MAX_SHOWN ? [`… +${found.length - MAX_SHOWN}`] : [];
    const how = say("repoHow", { command: `${messenger.commandPrefix}repos` });
    await conversations.write(key, messageId, [say("repoList"), ...lines, ...more, "", how].join("\n"));
  }

  async #find(): Promise<readonly Repository[]> {
    const { keys, terms } = this.options;
    const { repos } = await keys.describe(terms.keyId, {});
    return Array.isArray(repos) ? repos.filter(isRepository) : [];
  }
}

const PREFIX = "repo:";

/** A number of the list, or a name with a branch if need be: the gateway looks for what it names. */
function workdirOf(choice: string, found: readonly Repository[]): string | undefined {
  if (/^\d{1,5}$/.test(choice)) return found[Number(choice) - 1]?.workdir;
  const name = choice.startsWith(PREFIX) ? choice.slice(PREFIX.length) : choice;
  const [path = "", ...branch] = name.split("@");
  const fitting = found.filter(({ repo }) => repo === path || repo.endsWith(`/${path}`));
  const one = fitting.find(({ repo }) => repo === path) ?? (fitting.length === 1 ? fitting[0] : undefined);
  if (one === undefined) return undefined;
  return branch.length === 0 ? one.workdir : `${PREFIX}${one.repo}@${branch.join("@")}`;
}

function isRepository(value: unknown): value is Repository {
  if (typeof value !== "object" || value === null) return false;
  return ["repo", "branch", "workdir"].every((field) => typeof Reflect.get(value, field) === "string");
}
