import type { PluginScope } from "@claudeway/core";
import {
  type Attachment,
  type Message,
  type Messenger,
  MessengerFailure,
  type NewPlace,
  type Place,
  type Press,
  type Say,
  type SendOptions,
  type TextKey,
} from "@claudeway/messenger";
import type { KnownBlock } from "@slack/web-api";
import { channelOf, idOf, partsOf, threadOf } from "./places.js";
import { buttonBlocks, fallbackOf, richText, SIZES } from "./rich-text.js";
import type { SlackApi } from "./slack-api.js";

/** The largest file that is fetched. */
export const MAX_FILE = 20_000_000;

/** Errors of an edit that say that the message is not there any more, or cannot be edited. */
const UNEDITABLE = /message_not_found|cant_update_message|edit_window_closed|is_inactive|channel_not_found/;

/** Errors of a channel that lets the bot write nothing. */
const CLOSED =
  /answered (?:not_in_channel|channel_not_found|is_archived|restricted_action(?:_read_only_channel)?)(?: |$)/;

/** The channels and direct messages of the bot. */
export class Workspace implements Messenger {
  readonly name = "slack";
  readonly commandPrefix = "!";
  readonly intro = "helpThreads";
  readonly sizes = SIZES;
  readonly answersInThread = true;
  /** Withdraw the notices that a channel refuses messages. */
  readonly #notices = new Map<string, () => void>();

  constructor(
    private readonly api: SlackApi,
    private readonly say: Say,
    private readonly scope: Pick<PluginScope, "log" | "notice">,
  ) {}

  get pausedMs(): number {
    return this.api.pausedMs;
  }

  /** What is asked in a direct message must not be shown to others. */
  isClosed(key: string, error: unknown): boolean {
    return !key.startsWith("cD") && error instanceof MessengerFailure && CLOSED.test(error.message);
  }

  async send({ key }: Place, message: Message, { patience = "persist" }: SendOptions = {}): Promise<string> {
    const channel = channelOf(key);
    const post = (blocks: KnownBlock[]) =>
      this.api.call(
        "chat.postMessage",
        (client) =>
          client.chat.postMessage({
            channel,
            text: fallbackOf(message.spans),
            blocks,
            unfurl_links: false,
            unfurl_media: false,
            ...threadArgument(key),
          }),
        patience,
      );
    const { ts } = await this.#noticing(channel, () => withoutBlocksIfRefused(this.#blocksOf(message), post));
    return idOf(channel, ts ?? "");
  }

  async edit(
    messageId: string,
    message: Message,
    { patience = "persist" }: SendOptions = {},
  ): Promise<boolean> {
    const { channel, ts } = partsOf(messageId);
    const update = (blocks: KnownBlock[]) =>
      this.api.call(
        "chat.update",
        (client) => client.chat.update({ channel, ts, text: fallbackOf(message.spans), blocks }),
        patience,
      );
    try {
      await withoutBlocksIfRefused(this.#blocksOf(message), update);
      return true;
    } catch (error) {
      if (error instanceof MessengerFailure && UNEDITABLE.test(error.message)) return false;
      throw error;
    }
  }

  async delete(messageId: string): Promise<void> {
    await this.api.call("chat.delete", (client) => client.chat.delete(partsOf(messageId)));
  }

  async sendFile({ key }: Place, filename: string, file: Buffer, caption: string): Promise<string> {
    const channel_id = channelOf(key);
    const thread = threadOf(key);
    const upload = { channel_id, file, filename, title: filename, initial_comment: escaped(caption) };
    await this.#noticing(channel_id, () =>
      this.api.call(
        "files.uploadV2",
        (client) => client.filesUploadV2(thread === undefined ? upload : { ...upload, thread_ts: thread }),
        this.api.patienceFor(file.length),
      ),
    );
    // Slack posts the file later, as a message whose id is not known yet.
    return idOf(channel_id, thread ?? "");
  }

  fetch({ ref }: Attachment, maxBytes: number): Promise<Buffer> {
    return this.api.download(ref, Math.min(maxBytes, MAX_FILE));
  }

  /** Only the person who pressed sees it. The button's message itself shows that a press worked. */
  async answerPress({ id = "", from }: Press, text: string, key: TextKey): Promise<void> {
    if (key === "pressed") return;
    await this.whisper(id, from.id, text);
  }

  /** Shows a text to one person. @param place the conversation */
  async whisper(place: string, user: string, text: string): Promise<void> {
    const channel = channelOf(place);
    await this.api.call("chat.postEphemeral", (client) =>
      client.chat.postEphemeral({ channel, user, text: escaped(text), ...threadArgument(place) }),
    );
  }

  /** A thread is a session: a new one begins with a new thread, or in the same one. */
  async newPlace(key: string): Promise<NewPlace> {
    return { key, text: "newInTopic" };
  }

  async closed(): Promise<void> {
    // A thread cannot be closed.
  }

  #blocksOf({ spans, buttons = [] }: Message): KnownBlock[] {
    return [richText(spans), ...buttonBlocks(buttons, this.say("choose"))];
  }

  /** A refusal is shown in the plugin list until a message there succeeds: the bot may not be in the channel. */
  async #noticing<Result>(channel: string, run: () => Promise<Result>): Promise<Result> {
    try {
      const result = await run();
      this.#notice(channel, undefined);
      return result;
    } catch (error) {
      if (error instanceof MessengerFailure && error.kind === "rejected")
        this.#notice(channel, `slack: channel ${channel} refused a message: ${error.message}`);
      throw error;
    }
  }

  #notice(channel: string, line: string | undefined): void {
    this.#notices.get(channel)?.();
    this.#notices.delete(channel);
    if (line !== undefined) this.#notices.set(channel, this.scope.notice(line));
  }
}

async function withoutBlocksIfRefused<Result>(
  blocks: KnownBlock[],
  send: (blocks: KnownBlock[]) => Promise<Result>,
): Promise<Result> {
  try {
    return await send(blocks);
  } catch (error) {
    if (!(error instanceof MessengerFailure) || !/invalid_blocks|msg_blocks_too_long/.test(error.message))
      throw error;
    return send([]);
  }
}

function escaped(text: string): string {
  return fallbackOf([{ text, tags: [] }]);
}

function threadArgument(key: string): { thread_ts: string } | object {
  const thread = threadOf(key);
  return thread === undefined ? {} : { thread_ts: thread };
}
