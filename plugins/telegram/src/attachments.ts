import type { Attachment } from "@claudeway/messenger";
import type { Message } from "telegraf/types";

/** The largest file that the Bot API hands out: 20 MB (https://core.telegram.org/bots/api#getfile). */
export const MAX_FILE = 20_000_000;

/** The file of a message; undefined if it has none, or one that is too large or of an unknown type. */
export function attachmentOf(message: Message): Attachment | undefined {
  if ("photo" in message) {
    // The same photo in several sizes, the largest last.
    const ref = message.photo.at(-1)?.file_id;
    return ref === undefined ? undefined : { ref, mediaType: "image/jpeg" };
  }
  const file = fileOf(message);
  const { file_id: ref, mime_type: mediaType = "", file_size: size = 0 } = file ?? {};
  if (ref === undefined || mediaType === "" || size > MAX_FILE) return undefined;
  const name = file !== undefined && "file_name" in file ? file.file_name : undefined;
  return { ref, mediaType, ...(name !== undefined && { name }) };
}

function fileOf(message: Message) {
  if ("document" in message) return message.document;
  if ("voice" in message) return { mime_type: "audio/ogg", ...message.voice };
  return "audio" in message ? { mime_type: "audio/mpeg", ...message.audio } : undefined;
}
