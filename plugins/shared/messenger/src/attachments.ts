import type { ContentBlock } from "@claudeway/core";
import type { Attachment } from "./messenger.js";

const IMAGES = ["image/jpeg", "image/png", "image/gif", "image/webp"] as const;
const PDF = "application/pdf";

/** Whether Claude can read files of this type as they are. */
export function isReadable(mediaType: string): boolean {
  return mediaType === PDF || IMAGES.some((known) => known === mediaType);
}

/** A file as a content block. */
export function blockOf({ mediaType }: Attachment, content: Buffer): ContentBlock {
  const data = content.toString("base64");
  const image = IMAGES.find((known) => known === mediaType);
  if (image !== undefined) return { type: "image", source: { type: "base64", media_type: image, data } };
  return { type: "document", source: { type: "base64", media_type: PDF, data } };
}
