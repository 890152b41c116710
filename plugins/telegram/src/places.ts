import type { Message } from "telegraf/types";
import type { Place } from "./chat.js";

/*
 * A conversation is named by its place: `t42` is topic 42, `t0` is General, and `c42` is the reply chain that began with
 * message 42.
 */

/** A topic of a group with topics. */
export function topicKey(thread: number | undefined): string {
  return `t${thread ?? 0}`;
}

export function chainKey(messageId: number): string {
  return `c${messageId}`;
}

export function isChain(key: string): boolean {
  return key.startsWith("c");
}

/** The place for an answer in this conversation. */
export function placeOf(key: string, replyTo?: number): Place {
  return { thread: threadOf(key), replyTo };
}

/** Undefined for General and for reply chains. */
export function threadOf(key: string): number | undefined {
  const thread = isChain(key) ? 0 : Number(key.slice(1));
  return thread === 0 ? undefined : thread;
}

/** The conversation of a message; `chainOf` returns the conversation of the message that it replies to. */
export function keyOf(message: Message, chainOf: (messageId: number) => string | undefined): string {
  const { chat } = message;
  if ("is_forum" in chat && chat.is_forum === true) {
    const inTopic = "is_topic_message" in message && message.is_topic_message === true;
    return topicKey(inTopic ? message.message_thread_id : undefined);
  }
  const answered = "reply_to_message" in message ? message.reply_to_message?.message_id : undefined;
  const known = answered === undefined ? undefined : chainOf(answered);
  // A reply to a forgotten message starts a chain at that message.
  return known ?? chainKey(answered ?? message.message_id);
}
