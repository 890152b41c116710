import {
  calledBefore,
  documentBlock,
  type Fields,
  fieldsAt,
  imageBlock,
  invalid,
  isOn,
  nameOf,
  optionalFields,
  resultOfBlocks,
  textAt,
  urlAt,
} from "@claudeway/chat";
import type { ContentBlock, HistoryBlock } from "@claudeway/core";

/**
 * The content of a message: a text, or blocks (https://docs.anthropic.com/en/api/messages). Thinking is left out.
 */
export function contentAt(content: unknown, param: string): HistoryBlock[] {
  if (content === undefined || content === null || content === "") return [];
  if (typeof content === "string") return [{ type: "text", text: textAt(content, param) }];
  if (!Array.isArray(content)) throw invalid(param, `must be a string or an array, got ${nameOf(content)}`);
  return content.flatMap((block: unknown, index) => {
    const at = `${param}[${index}]`;
    return typeof block === "string" ? contentAt(block, at) : blocksOf(fieldsAt(block, at), at);
  });
}

function blocksOf(block: Fields, at: string): HistoryBlock[] {
  switch (block["type"]) {
    case "text":
      return textBlocks(textAt(block["text"], `${at}.text`));
    case "image":
      return [imageOf(fieldsAt(block["source"], `${at}.source`), `${at}.source`)];
    case "document":
      return [documentOf(fieldsAt(block["source"], `${at}.source`), `${at}.source`)];
    case "thinking":
    case "redacted_thinking":
      return [];
    case "tool_use":
      return [
        calledBefore(
          textAt(block["id"], `${at}.id`),
          textAt(block["name"], `${at}.name`),
          optionalFields(block["input"], `${at}.input`),
        ),
      ];
    case "tool_result":
      return [resultAt(block, at)];
    default:
      throw invalid(
        `${at}.type`,
        `must be text, image, document, tool_use, tool_result or thinking, got ${nameOf(block["type"])}`,
      );
  }
}

function textBlocks(text: string): ContentBlock[] {
  return text === "" ? [] : [{ type: "text", text }];
}

function resultAt({ tool_use_id: id, content, is_error }: Fields, at: string): HistoryBlock {
  const callId = textAt(id, `${at}.tool_use_id`);
  const blocks = contentAt(content, `${at}.content`);
  return resultOfBlocks(callId, blocks, `${at}.content`, isOn(is_error));
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
