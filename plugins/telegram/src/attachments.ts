import type { ContentBlock } from "@claudeway/core";
import type { Message } from "telegraf/types";
import type { BotApi } from "./api.js";

/** The largest file that the Bot API hands out: 20 MB (https://core.telegram.org/bots/api#getfile). */
const MAX_BYTES = 20_000_000;

const IMAGES = ["image/jpeg", "image/png", "image/gif", "image/webp"] as const;
const PDF = "application/pdf" as const;

/** A photo or a document of a message, by Telegram's id of the file. */
export interface Attachment {
  readonly fileId: string;
  readonly mediaType: (typeof IMAGES)[number] | typeof PDF;
}

/** The attachment of a message; undefined if it has none, or one that Claude cannot read. */
export function attachmentOf(message: Message): Attachment | undefined {
  if ("photo" in message) {
    // The same photo in several sizes, the largest last.
    const fileId = message.photo.at(-1)?.file_id;
    return fileId === undefined ? undefined : { fileId, mediaType: "image/jpeg" };
  }
  if (!("document" in message)) return undefined;
  const { file_id: fileId, mime_type: type, file_size: size = 0 } = message.document;
  const mediaType = ([...IMAGES, PDF] as const).find((known) => known === type);
  return mediaType === undefined || size > MAX_BYTES ? undefined : { fileId, mediaType };
}

/** Fetches an attachment as a content block. Rejects with an `ApiFailure`. */
export async function blockOf(api: BotApi, { fileId, mediaType }: Attachment): Promise<ContentBlock> {
  const data = (await api.download(fileId, MAX_BYTES)).toString("base64");
  if (mediaType === PDF) return { type: "document", source: { type: "base64", media_type: mediaType, data } };
  return { type: "image", source: { type: "base64", media_type: mediaType, data } };
}
