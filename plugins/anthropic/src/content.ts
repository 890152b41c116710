import {
  documentBlock,
  type Fields,
  fieldsAt,
  imageBlock,
  invalid,
  nameOf,
  textAt,
  urlAt,
} from "@claudeway/chat";
import type { ContentBlock } from "@claudeway/core";

/**
 * The content of a message: a text, or blocks (https://docs.anthropic.com/en/api/messages). Thinking is left out; calls and
 * results of tools are told as text.
 */
export function contentAt(content: unknown, param: string): ContentBlock[] {
  if (content === undefined || content === null || content === "") return [];
  if (typeof content === "string") return [{ type: "text", text: textAt(content, param) }];
  if (!Array.isArray(content)) throw invalid(param, `must be a string or an array, got ${nameOf(content)}`);
  return content.flatMap((block: unknown, index) => {
    const at = `${param}[${index}]`;
    return typeof block === "string" ? contentAt(block, at) : blocksOf(fieldsAt(block, at), at);
  });
}

function blocksOf(block: Fields, at: string): ContentBlock[] {
  switch (block["type"]) {
    case "text":
      return told(textAt(block["text"], `${at}.text`));
    case "image":
      return [imageOf(fieldsAt(block["source"], `${at}.source`), `${at}.source`)];
    case "document":
      return [documentOf(fieldsAt(block["source"], `${at}.source`), `${at}.source`)];
    case "thinking":
    case "redacted_thinking":
      return [];
    case "tool_use":
      return told(`Call of ${textAt(block["name"], `${at}.name`)}: ${JSON.stringify(block["input"] ?? {})}`);
    case "tool_result":
      return resultOf(contentAt(block["content"], `${at}.content`));
    default:
      throw invalid(
        `${at}.type`,
        `must be text, image, document, tool_use, tool_result or thinking, got ${nameOf(block["type"])}`,
      );
  }
}

function told(text: string): ContentBlock[] {
  return text === "" ? [] : [{ type: "text", text }];
}

function resultOf(content: readonly ContentBlock[]): ContentBlock[] {
  return [{ type: "text", text: "Result of the call:" }, ...content];
}

function imageOf({ type, media_type, data, url }: Fields, at: string): ContentBlock {
  if (type === "url") return { type: "image", source: { type, url: urlAt(url, `${at}.url`) } };
  if (type === "base64") return imageBlock({ type: media_type, data }, `${at}.media_type`, `${at}.data`);
  throw invalid(`${at}.type`, `must be base64 or url, got ${nameOf(type)}`);
}

function documentOf({ type, media_type, data, url }: Fields, at: string): ContentBlock {
  if (type === "url") return { type: "document", source: { type, url: urlAt(url, `${at}.url`) } };
  if (type === "text") return { type: "text", text: textAt(data, `${at}.data`) };
  if (type === "base64") return documentBlock({ type: media_type, data }, `${at}.media_type`, `${at}.data`);
  throw invalid(`${at}.type`, `must be base64, text or url, got ${nameOf(type)}`);
}
