import type { ContentBlock, PluginScope } from "@claudeway/core";
import { blockOf, isVoice } from "./attachments.js";
import { MessengerFailure } from "./failures.js";
import type { Attachment, Messenger } from "./messenger.js";
import { TooLarge } from "./read-within.js";
import type { Waiting } from "./state-entries.js";
import type { TextKey, Values } from "./texts.js";
import type { Transcriber } from "./transcriber.js";

export interface IncomingFilesOptions {
  readonly messenger: Pick<Messenger, "fetch">;
  readonly transcriber: Transcriber | undefined;
  readonly scope: Pick<PluginScope, "log" | "signal">;
  /** Replies to the sender of a message. */
  readonly note: (message: Waiting, text: TextKey, values?: Values) => Promise<void>;
}

export interface PromptParts {
  readonly prompt: string;
  readonly content: readonly ContentBlock[] | undefined;
}

/** Files of one message that are read. */
export const MAX_FILES = 10;
/** Bytes that the files of one message can have together: all of them are in memory at once. */
const MAX_BYTES = 20_000_000;

/** The message with as many files as are read. */
export function withinLimit(waiting: Waiting): Waiting {
  const { attachments = [] } = waiting;
  if (attachments.length <= MAX_FILES) return waiting;
  return {
    ...waiting,
    attachments: attachments.slice(0, MAX_FILES),
    leftOut: attachments.length - MAX_FILES,
  };
}

/** The files that come with messages. */
export class IncomingFiles {
  constructor(private readonly options: IncomingFilesOptions) {}

  /**
   * The prompt, with what was said in voice messages, and as content blocks if files came with it. Files that cannot be
   * fetched, and those beyond the limits, are left out, with a note.
   */
  async read(message: Waiting): Promise<PromptParts> {
    const { prompt, attachments = [], leftOut = 0 } = message;
    const { note } = this.options;
    const blocks: ContentBlock[] = [];
    const texts = [prompt];
    let left = MAX_BYTES;
    let tooLarge = 0;
    for (const attachment of attachments) {
      try {
        const content = await this.#fetched(attachment, left);
        left -= content?.length ?? 0;
        if (content === undefined) tooLarge++;
        else if (isVoice(attachment.mediaType)) texts.push(await this.#transcribed(attachment, content));
        else blocks.push(blockOf(attachment, content));
      } catch (error) {
        await this.#lost(message, attachment, error);
      }
    }
    if (leftOut > 0) await note(message, "tooManyFiles", { most: MAX_FILES, count: leftOut });
    if (tooLarge > 0) await note(message, "filesTooLarge", { most: MAX_BYTES / 1e6, count: tooLarge });
    const text = texts.filter(Boolean).join("\n\n");
    if (blocks.length === 0) return { prompt: text, content: undefined };
    return { prompt: text, content: text === "" ? blocks : [...blocks, { type: "text", text }] };
  }

  /** Undefined if the file is too large. */
  async #fetched(attachment: Attachment, maxBytes: number): Promise<Buffer | undefined> {
    try {
      return await this.options.messenger.fetch(attachment, maxBytes);
    } catch (error) {
      if (error instanceof TooLarge) return undefined;
      throw error;
    }
  }

  async #lost(message: Waiting, { mediaType }: Attachment, error: unknown): Promise<void> {
    const { scope, note } = this.options;
    if (!(error instanceof MessengerFailure) || scope.signal.aborted) throw error;
    scope.log.warn({ err: error }, "a file of a message was left out");
    await note(message, isVoice(mediaType) ? "notTranscribed" : "fileLost");
  }

  async #transcribed({ mediaType }: Attachment, content: Buffer): Promise<string> {
    const { transcriber } = this.options;
    if (transcriber === undefined) throw new MessengerFailure("rejected", "no transcriber is configured");
    return transcriber.transcribe(content, mediaType);
  }
}
