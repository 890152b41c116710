import type { PluginScope } from "@claudeway/core";
import {
  type Attachment,
  type ChatService,
  type Command,
  isCommand,
  OncePer,
  type Person,
  type Say,
  type State,
  type TextKey,
} from "@claudeway/messenger";
import type { SlackConfig } from "./config.js";
import { idOf, threadKey } from "./places.js";
import { isObject } from "./slack-api.js";
import type { Envelope } from "./socket.js";
import { MAX_FILE, type Workspace } from "./workspace.js";

export interface BotOptions {
  readonly config: Pick<SlackConfig, "allowed_users" | "channels" | "feed_channel">;
  readonly workspace: Workspace;
  readonly state: State;
  readonly say: Say;
  readonly service: ChatService;
  readonly scope: Pick<PluginScope, "log" | "signal">;
}

/** Where a message is. */
interface Origin {
  readonly user: string;
  readonly channel: string;
  readonly messageId: string;
  readonly key: string;
  /** The message that its thread begins with. */
  readonly root: string;
}

/** Milliseconds between two replies, and log lines, for the same unknown channel or user. */
const ANSWER_EVERY_MS = 600_000;
/** A message by a person is one without a subtype, or one of these. */
const WRITTEN = ["file_share", "thread_broadcast"];

/** Incoming envelopes. Accepts only the configured channels and allowed users. */
export class Bot {
  /** The bot's own user id, once connected. */
  userId = "";
  readonly #turnedAway = new OncePer(ANSWER_EVERY_MS);

  constructor(private readonly options: BotOptions) {}

  /** Resolves when the envelope needs no redelivery; the work that it started continues. */
  async handle({ type, body }: Envelope): Promise<void> {
    if (type === "interactive") return this.#press(body);
    if (type !== "events_api") return;
    const event = field(body, "event");
    const kind = text(event, "type");
    if (kind === "app_mention" || kind === "message") await this.#message(event);
    await this.options.state.saved();
  }

  async #message(event: unknown): Promise<void> {
    const { state } = this.options;
    const user = text(event, "user");
    const channel = text(event, "channel");
    const ts = text(event, "ts");
    const subtype = text(event, "subtype");
    if (user === "" || channel === "" || ts === "" || user === this.userId) return;
    if (field(event, "bot_id") !== undefined || (subtype !== "" && !WRITTEN.includes(subtype))) return;
    const root = text(event, "thread_ts") || ts;
    const key = threadKey(channel, root);
    const written = text(event, "text");
    const direct = text(event, "channel_type") === "im" || channel.startsWith("D");
    if (!direct && !this.#isMentioned(written) && !this.#isOwnThread(key, idOf(channel, root))) return;
    const messageId = idOf(channel, ts);
    if (!this.#mayUse(user, channel, direct)) return this.#turnAway(user, channel, key, direct);
    // A mention comes as two events, and Slack repeats what it thinks was lost.
    if (!state.accept(messageId)) return;
    try {
      await this.#prompt(event, { user, channel, messageId, key, root: idOf(channel, root) });
    } catch (error) {
      // Without an acknowledgement, Slack delivers it again.
      state.forget(messageId);
      throw error;
    }
  }

  /** A message by somebody who may use the bot. */
  async #prompt(event: unknown, { user, channel, messageId, key, root }: Origin): Promise<void> {
    const { service } = this.options;
    const written = text(event, "text");
    const plain = this.#plainText(written);
    const files = filesOf(field(event, "files"));
    const attachments = files.filter((file) => service.refusalOf(file.mediaType) === undefined);
    const refusal = files.map((file) => service.refusalOf(file.mediaType)).find((one) => one !== undefined);
    if (refusal !== undefined) service.note(key, messageId, refusal);
    if (plain === "" && attachments.length === 0) {
      if (refusal === undefined) service.note(key, messageId, "helpThreads");
      return;
    }
    const command = parseCommand(plain);
    await service.receive({
      key,
      messageId,
      from: this.#personOf(user, channel),
      // Slack keeps what begins with a slash for itself.
      text: command === undefined ? plain : plain.replace(/^!/, "/"),
      attachments,
      replyTo: root,
      command: command !== undefined && isCommand(command.name) ? command : undefined,
    });
  }

  async #press(body: unknown): Promise<void> {
    const { service, state } = this.options;
    if (text(body, "type") !== "block_actions") return;
    const user = text(field(body, "user"), "id");
    const channel = text(field(body, "channel"), "id");
    const message = field(body, "message");
    const ts = text(message, "ts");
    const actions = field(body, "actions");
    const [action] = Array.isArray(actions) ? actions : [];
    const data = text(action, "value") || text(field(action, "selected_option"), "value");
    if (user === "" || channel === "" || ts === "") return;
    const key = threadKey(channel, text(message, "thread_ts") || ts);
    const direct = channel.startsWith("D");
    if (!this.#mayUse(user, channel, direct)) return this.#turnAway(user, channel, key, direct);
    // Slack repeats a press that it thinks was lost.
    if (!state.accept(`press/${user}/${text(action, "action_ts")}`)) return;
    service.press({ id: key, from: this.#personOf(user, channel), messageId: idOf(channel, ts), data });
    await state.saved();
  }

  /** Direct messages are for those who are named; in the channels, for everybody, unless some are named. */
  #mayUse(user: string, channel: string, direct: boolean): boolean {
    const { allowed_users: users } = this.options.config;
    if (users !== undefined && !users.includes(user)) return false;
    return direct ? users !== undefined : this.#isHere(channel);
  }

  /** `allowed_users` is set if `channels` is not. */
  #isHere(channel: string): boolean {
    const { channels, feed_channel: feed } = this.options.config;
    return channels === undefined || channel === feed || channels.includes(channel);
  }

  #isMentioned(written: string): boolean {
    return this.userId !== "" && written.includes(`<@${this.userId}>`);
  }

  /** A thread of a session, or below a message that asks for something. */
  #isOwnThread(key: string, root: string): boolean {
    const { state } = this.options;
    return state.lastOf(key) !== undefined || state.cards.some((card) => card.messageId === root);
  }

  #turnAway(user: string, channel: string, key: string, direct: boolean): void {
    const { scope, service, workspace, say } = this.options;
    if (!this.#turnedAway.isTime(`${user} ${channel}`)) return;
    scope.log.warn(
      { user_id: user, channel },
      "refused a message or press; not logged again for ten minutes",
    );
    const reason: TextKey = direct || this.#isHere(channel) ? "notForYou" : "otherChat";
    service.run("turning somebody away", () => workspace.whisper(key, user, say(reason)));
  }

  #personOf(user: string, channel: string): Person {
    return { id: user, name: `<@${user}>`, from: `channel ${channel}, user ${user}` };
  }

  /** What a person wrote, without Slack's markup for mentions, links and entities. */
  #plainText(written: string): string {
    return written
      .replaceAll(`<@${this.userId}>`, "")
      .replace(/<([^<>|]*)(?:\|([^<>]*))?>/g, (_, target: string, label?: string) => linkText(target, label))
      .replaceAll("&lt;", "<")
      .replaceAll("&gt;", ">")
      .replaceAll("&amp;", "&")
      .trim();
  }
}

function linkText(target: string, label: string | undefined): string {
  if (/^[#@!]/.test(target)) return label === undefined ? target : `${target.charAt(0)}${label}`;
  return label === undefined || label === target || target.endsWith(label) ? target : `${label} (${target})`;
}

function parseCommand(written: string): Command | undefined {
  const [, name, argument = ""] = /^!([A-Za-z][\w-]*)(?:\s+([\s\S]*))?$/.exec(written) ?? [];
  return name === undefined ? undefined : { name: name.toLowerCase(), argument: argument.trim() };
}

/** The files of a message; what is too large has no type. */
function filesOf(files: unknown): Attachment[] {
  const listed: unknown[] = Array.isArray(files) ? files : [];
  return listed.map((file) => {
    const ref = text(file, "url_private_download") || text(file, "url_private");
    const size = field(file, "size");
    const usable = ref !== "" && (typeof size !== "number" || size <= MAX_FILE);
    return { ref, mediaType: usable ? text(file, "mimetype") : "", name: text(file, "name") };
  });
}

function field(of: unknown, name: string): unknown {
  return isObject(of) ? Object.entries(of).find(([key]) => key === name)?.[1] : undefined;
}

function text(of: unknown, name: string): string {
  const value = field(of, name);
  return typeof value === "string" ? value : "";
}
