import type { Message } from "telegraf/types";
import type { Place } from "./chat.js";

/*
 * A conversation is named by where it is held: `t42` is the topic 42, `t0` General, `c42` the chain of replies that
 * began with message 42.
 */

/** Topics of a group that has them. */
export function topicKey(thread: number | undefined): string {
  return `t${thread ?? 0}`;
}

export function chainKey(messageId: number): string {
  return `c${messageId}`;
}

export function isChain(key: string): boolean {
  return key.startsWith("c");
}

/** Where an answer in this conversation goes. */
export function placeOf(key: string, replyTo?: number): Place {
  return { thread: threadOf(key), replyTo };
}

/** Undefined: General, or a chain of replies. */
export function threadOf(key: string): number | undefined {
  const thread = isChain(key) ? 0 : Number(key.slice(1));
  return thread === 0 ? undefined : thread;
}

/** The conversation that a message belongs to; `chainOf` tells where the message that it answers belongs. */
export function keyOf(message: Message, chainOf: (messageId: number) => string | undefined): string {
  const { chat } = message;
  if ("is_forum" in chat && chat.is_forum === true) {
    const inTopic = "is_topic_message" in message && message.is_topic_message === true;
    return topicKey(inTopic ? message.message_thread_id : undefined);
  }
  const answered = "reply_to_message" in message ? message.reply_to_message?.message_id : undefined;
  const known = answered === undefined ? undefined : chainOf(answered);
  // A reply to what nobody remembers begins a chain at the message that it answers.
  return known ?? chainKey(answered ?? message.message_id);
}
