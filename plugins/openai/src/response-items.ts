import { type Fields, fieldsAt, invalid, listAt, textAt } from "@claudeway/chat";

/** The answer's text that an item refers to. */
export type FindAnswer = (id: string) => Promise<string>;

/**
 * The input of a request for a response (https://platform.openai.com/docs/api-reference/responses/create) in the form of a chat
 * completion's messages. Reasoning is left out.
 */
export async function messagesOf(input: unknown, answerOf: FindAnswer): Promise<Fields[]> {
  if (typeof input === "string") return [{ role: "user", content: input }];
  const messages: Fields[] = [];
  for (const [index, item] of listAt(input, "input").entries())
    messages.push(...(await itemMessages(fieldsAt(item, `input[${index}]`), `input[${index}]`, answerOf)));
  return messages;
}

async function itemMessages(item: Fields, at: string, answerOf: FindAnswer): Promise<Fields[]> {
  const { type = "message", role, content, name, arguments: given, output } = item;
  switch (type) {
    case "message":
      return [{ role, content: typeof content === "string" ? content : listAt(content, at).map(partOf) }];
    case "item_reference":
      return [{ role: "assistant", content: await answerOf(textAt(item["id"], `${at}.id`)) }];
    case "function_call":
      return [{ role: "assistant", tool_calls: [{ function: { name, arguments: given } }] }];
    case "function_call_output":
      return [
        { role: "tool", content: typeof output === "string" ? output : listAt(output, at).map(partOf) },
      ];
    case "reasoning":
      return [];
    default:
      throw invalid(
        `${at}.type`,
        "must be message, item_reference, function_call, function_call_output or reasoning",
        "unsupported_value",
      );
  }
}

/** A part as a chat completion has it. */
function partOf(part: unknown): unknown {
  const fields = fieldsAt(part, "input");
  switch (fields["type"]) {
    case "input_text":
    case "output_text":
      return { type: "text", text: fields["text"] };
    case "input_image":
      return { type: "image_url", image_url: { url: fields["image_url"] } };
    case "input_file":
      return { type: "file", file: fields };
    default:
      return fields;
  }
}
