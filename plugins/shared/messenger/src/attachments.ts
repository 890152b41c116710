import type { ContentBlock } from "@claudeway/core";
import type { Attachment } from "./messenger.js";

const IMAGES = ["image/jpeg", "image/png", "image/gif", "image/webp"] as const;
const PDF = "application/pdf";

/** Text, by its type: it goes into the prompt. */
const TEXT =
  /^text\/|^application\/(?:json|xml|yaml|x-yaml|toml|javascript|x-sh|x-python|sql)$|\+(?:json|xml)$/;
/** Characters of a text file that Claude gets. */
const MAX_TEXT = 200_000;

/** Whether Claude can read files of this type as they are. */
export function isReadable(mediaType: string): boolean {
  return mediaType === PDF || IMAGES.some((known) => known === mediaType) || TEXT.test(mediaType);
}

/** Whether it is something that is heard. */
export function isVoice(mediaType: string): boolean {
  return mediaType.startsWith("audio/");
}

/** A file as a content block. */
export function blockOf({ mediaType, name = "" }: Attachment, content: Buffer): ContentBlock {
  const data = content.toString("base64");
  const image = IMAGES.find((known) => known === mediaType);
  if (image !== undefined) return { type: "image", source: { type: "base64", media_type: image, data } };
  if (mediaType === PDF) return { type: "document", source: { type: "base64", media_type: PDF, data } };
  const text = content.toString("utf8").slice(0, MAX_TEXT);
  return { type: "text", text: `The file ${JSON.stringify(name)}:\n\n${text}` };
}
