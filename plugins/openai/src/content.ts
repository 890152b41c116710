import { type Fields, fieldsAt, invalid, isFields, isImageType, listAt, textAt } from "@claudeway/chat";
import type { ContentBlock } from "@claudeway/core";

/**
 * The content of a message: a text, or parts (https://platform.openai.com/docs/api-reference/chat/create). Images and PDF
 * files may be data URLs, images also http URLs, which the model API fetches.
 */
export function contentAt(content: unknown, param: string): ContentBlock[] {
  if (content === undefined || content === null || content === "") return [];
  if (typeof content === "string") return [{ type: "text", text: content }];
  return listAt(content, param).flatMap((part, index) => {
    const at = `${param}[${index}]`;
    return blockOf(fieldsAt(part, at), at);
  });
}

function blockOf(part: Fields, at: string): ContentBlock[] {
  switch (part["type"]) {
    case "text":
    case "refusal": {
      const field = part["type"];
      const text = textAt(part[field], `${at}.${field}`);
      return text === "" ? [] : [{ type: "text", text }];
    }
    case "image_url":
      return [imageOf(part["image_url"], `${at}.image_url`)];
    case "file":
      return [documentOf(fieldsAt(part["file"], `${at}.file`), `${at}.file`)];
    default:
      throw invalid(
        `${at}.type`,
        `must be text, image_url or file, got ${JSON.stringify(part["type"])?.slice(0, 100)}`,
        "unsupported_value",
      );
  }
}

const DATA_URL = /^data:([^;,]+);base64,([A-Za-z0-9+/]+={0,2})$/;

function imageOf(image: unknown, at: string): ContentBlock {
  const url = textAt(isFields(image) ? image["url"] : image, `${at}.url`);
  if (/^https?:\/\/\S+$/.test(url)) return { type: "image", source: { type: "url", url } };
  const [, type, data] = DATA_URL.exec(url) ?? [];
  if (data !== undefined && isImageType(type))
    return { type: "image", source: { type: "base64", media_type: type, data } };
  throw invalid(
    `${at}.url`,
    "must be an http or https URL, or a data URL of a PNG, JPEG, GIF or WebP image in base64",
  );
}

function documentOf({ file_id, file_data }: Fields, at: string): ContentBlock {
  if (file_id !== undefined)
    throw invalid(`${at}.file_id`, "is not supported; send file_data", "unsupported_parameter");
  const [, type, data] = DATA_URL.exec(textAt(file_data, `${at}.file_data`)) ?? [];
  if (data !== undefined && type === "application/pdf")
    return { type: "document", source: { type: "base64", media_type: type, data } };
  throw invalid(`${at}.file_data`, "must be a data URL of a PDF in base64");
}
