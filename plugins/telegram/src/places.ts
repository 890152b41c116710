import type { Message } from "telegraf/types";

/*
 * A conversation is named by its place: `t42` is topic 42, `t0` is General, and `c42` is the reply chain that began with
 * message 42.
 */

/** A topic of a group with topics. */
export function topicKey(thread: number | undefined): string {
  return `t${thread ?? 0}`;
}

export function chainKey(messageId: string): string {
  return `c${messageId}`;
}

/** Undefined for General and for reply chains. */
export function threadOf(key: string): number | undefined {
  const thread = key.startsWith("t") ? Number(key.slice(1)) : 0;
  return thread === 0 ? undefined : thread;
}

/** The conversation of a message; `chainOf` returns the conversation of the message that it replies to. */
export function keyOf(message: Message, chainOf: (messageId: string) => string | undefined): string {
  const { chat } = message;
  if ("is_forum" in chat && chat.is_forum === true) {
    const inTopic = "is_topic_message" in message && message.is_topic_message === true;
    return topicKey(inTopic ? message.message_thread_id : undefined);
  }
  const answered = repliedTo(message);
  const known = answered === undefined ? undefined : chainOf(answered);
  // A reply to a forgotten message starts a chain at that message.
  return known ?? chainKey(answered ?? String(message.message_id));
}

/** The message that a message answers. */
export function repliedTo(message: Message): string | undefined {
  const answered = "reply_to_message" in message ? message.reply_to_message?.message_id : undefined;
  return answered === undefined ? undefined : String(answered);
}
