import { type Attachment, isReadable } from "@claudeway/messenger";
import type { Message } from "telegraf/types";

/** The largest file that the Bot API hands out: 20 MB (https://core.telegram.org/bots/api#getfile). */
export const MAX_FILE = 20_000_000;

/** The attachment of a message; undefined if it has none, or one that Claude cannot read. */
export function attachmentOf(message: Message): Attachment | undefined {
  if ("photo" in message) {
    // The same photo in several sizes, the largest last.
    const ref = message.photo.at(-1)?.file_id;
    return ref === undefined ? undefined : { ref, mediaType: "image/jpeg" };
  }
  if (!("document" in message)) return undefined;
  const { file_id: ref, mime_type: mediaType = "", file_size: size = 0 } = message.document;
  return isReadable(mediaType) && size <= MAX_FILE ? { ref, mediaType } : undefined;
}
