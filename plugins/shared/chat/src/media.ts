import type { ContentBlock } from "@claudeway/core";
import { invalid, textAt } from "./fields.js";

const IMAGE_TYPES = ["image/png", "image/jpeg", "image/gif", "image/webp"] as const;
const PDF = "application/pdf";

/** Data in base64, and what it is. */
export interface Media {
  readonly type: unknown;
  readonly data: unknown;
}

/** An image in base64. Clients also write `image/jpg`. */
export function imageBlock({ type, data }: Media, at: string, dataAt = at): ContentBlock {
  const media_type = IMAGE_TYPES.find((known) => known === (type === "image/jpg" ? "image/jpeg" : type));
  if (media_type === undefined)
    throw invalid(at, "must be a PNG, JPEG, GIF or WebP image in base64, or a URL");
  return { type: "image", source: { type: "base64", media_type, data: base64At(data, dataAt) } };
}

/** A PDF document in base64. */
export function documentBlock({ type, data }: Media, at: string, dataAt = at): ContentBlock {
  if (type !== PDF) throw invalid(at, "must be a PDF in base64");
  return { type: "document", source: { type: "base64", media_type: PDF, data: base64At(data, dataAt) } };
}

/** The type and the data of a data URL in base64; undefined for any other text. */
export function dataUrl(url: string): Media | undefined {
  const [, type, data] = /^data:([^;,]+)(?:;[^,;]*)*;base64,([\s\S]*)$/.exec(url) ?? [];
  return data === undefined ? undefined : { type, data };
}

const MAX_URL = 8192;

/** A URL that the model API fetches. */
export function urlAt(value: unknown, at: string): string {
  const url = textAt(value, at);
  if (url.length <= MAX_URL && /^https?:\/\/\S+$/.test(url)) return url;
  throw invalid(at, `must be an http or https URL of at most ${MAX_URL} characters`);
}

/** Some encoders break lines. */
function base64At(value: unknown, at: string): string {
  const data = textAt(value, at).replace(/\s+/g, "");
  if (/^[A-Za-z0-9+/]+={0,2}$/.test(data)) return data;
  throw invalid(at, "must be data in base64");
}
