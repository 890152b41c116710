import {
  dataUrl,
  documentBlock,
  type Fields,
  fieldsAt,
  imageBlock,
  invalid,
  isFields,
  nameOf,
  textAt,
  urlAt,
} from "@claudeway/chat";
import type { ContentBlock } from "@claudeway/core";

/**
 * The content of a message: a text, or parts, of a chat completion or of a response
 * (https://platform.openai.com/docs/api-reference/chat/create). Images and PDF
 * files may be data URLs, images also http URLs, which the model API fetches.
 */
export function contentAt(content: unknown, param: string): ContentBlock[] {
  if (content === undefined || content === null || content === "") return [];
  if (typeof content === "string") return [{ type: "text", text: textAt(content, param) }];
  if (!Array.isArray(content)) throw invalid(param, `must be a string or an array, got ${nameOf(content)}`);
  return content.flatMap((part: unknown, index) => {
    const at = `${param}[${index}]`;
    return typeof part === "string" ? contentAt(part, at) : blockOf(fieldsAt(part, at), at);
  });
}

function blockOf(part: Fields, at: string): ContentBlock[] {
  switch (part["type"]) {
    case "text":
    case "input_text":
    case "output_text":
      return textOf(part, "text", at);
    case "refusal":
      return textOf(part, "refusal", at);
    case "image_url":
    case "input_image":
      return [imageOf(part["image_url"], `${at}.image_url`)];
    case "file":
      return [documentOf(fieldsAt(part["file"], `${at}.file`), `${at}.file`)];
    case "input_file":
      return [documentOf(part, at)];
    default:
      throw invalid(
        `${at}.type`,
        `must be text, image_url or file (input_text, input_image or input_file of a response), got ${nameOf(part["type"])}`,
        "unsupported_value",
      );
  }
}

function textOf(part: Fields, field: string, at: string): ContentBlock[] {
  const text = textAt(part[field], `${at}.${field}`);
  return text === "" ? [] : [{ type: "text", text }];
}

function imageOf(image: unknown, at: string): ContentBlock {
  const urlField = isFields(image) ? `${at}.url` : at;
  const url = textAt(isFields(image) ? image["url"] : image, urlField);
  const data = dataUrl(url);
  if (data !== undefined) return imageBlock(data, urlField);
  if (/^https?:/.test(url)) return { type: "image", source: { type: "url", url: urlAt(url, urlField) } };
  throw invalid(
    urlField,
    "must be an http or https URL, or a data URL of a PNG, JPEG, GIF or WebP image in base64",
  );
}

function documentOf({ file_id, file_data, file_url }: Fields, at: string): ContentBlock {
  if (typeof file_url === "string")
    return { type: "document", source: { type: "url", url: urlAt(file_url, `${at}.file_url`) } };
  if (file_id !== undefined && file_id !== null)
    throw invalid(`${at}.file_id`, "is not supported; send file_data", "unsupported_parameter");
  const data = dataUrl(textAt(file_data, `${at}.file_data`));
  if (data !== undefined) return documentBlock(data, `${at}.file_data`);
  throw invalid(`${at}.file_data`, "must be a data URL of a PDF in base64");
}
