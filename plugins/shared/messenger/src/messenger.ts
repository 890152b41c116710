import type { Patience } from "./calls.js";
import type { Span } from "./spans.js";
import type { Sizes } from "./split.js";
import type { Say, TextKey } from "./texts.js";

/** Where a message goes: a conversation, and the message in it that is replied to. */
export interface Place {
  readonly key: string;
  readonly replyTo?: string | undefined;
}

/** A button; a press of it comes back with its data. */
export interface Button {
  readonly label: string;
  readonly data: string;
  readonly style?: "primary" | "danger";
}

export type Buttons = readonly (readonly Button[])[];

/** A message of the bot, without the messenger's markup. */
export interface Message {
  readonly spans: readonly Span[];
  readonly buttons?: Buttons | undefined;
}

export interface SendOptions {
  /** Default: `persist`. */
  readonly patience?: Patience;
  /** Without a notification. */
  readonly silent?: boolean;
}

/** Somebody who writes or presses. */
export interface Person {
  readonly id: string;
  /** As shown in the chat. */
  readonly name: string;
  /** For the approval's record: which account it is. */
  readonly from: string;
}

/** Who decides; `id` is the id of the button press, if there was one. A written answer has a way to answer it. */
export interface Press {
  readonly id?: string;
  readonly from: Person;
  readonly reply?: (text: string) => void;
}

/** A press of a button. */
export interface ButtonPress extends Press {
  readonly id: string;
  readonly messageId: string;
  readonly data: string;
}

/** A file that came with a message. */
export interface Attachment {
  /** What the messenger fetches it by. */
  readonly ref: string;
  readonly mediaType: string;
  readonly name?: string;
}

/** A place for a new session. */
export interface NewPlace {
  readonly key: string;
  /** What is said there, or, if there is `name`, where it was asked for. */
  readonly text: TextKey;
  /** Set if the session is elsewhere: the name of that place. */
  readonly name?: string;
}

/**
 * A messenger as the conversations need it. Every message has an id of its own, which is enough to edit it. Calls reject
 * with a `MessengerFailure`.
 */
export interface Messenger {
  /** The name of the channel in decisions. */
  readonly name: string;
  /** Before the names of commands. */
  readonly commandPrefix: string;
  /** What `help` begins with: where the sessions are. */
  readonly intro: TextKey;
  readonly sizes: Sizes;
  /** Whether any message below a question answers it, not only a reply to it. */
  readonly answersInThread: boolean;
  /** Milliseconds until messages are accepted again. */
  readonly pausedMs: number;
  /**
   * Whether an error of `send` says that a conversation is closed to the bot, and others may see its cards instead. Absent
   * where all conversations are in one chat.
   */
  isClosed?(key: string, error: unknown): boolean;
  send(place: Place, message: Message, options?: SendOptions): Promise<string>;
  /** Edits a message and its buttons. False if it is gone or cannot be edited. */
  edit(messageId: string, message: Message, options?: Pick<SendOptions, "patience">): Promise<boolean>;
  delete(messageId: string): Promise<void>;
  sendFile(place: Place, name: string, content: Buffer, caption: string): Promise<string>;
  /** Fetches a file that somebody sent. Rejects with `TooLarge` if it has more bytes. */
  fetch(attachment: Attachment, maxBytes: number): Promise<Buffer>;
  /** Shows a short notice to the person who pressed a button; a failure is ignored. */
  answerPress(press: Press, text: string, key: TextKey): Promise<void>;
  /** Where a session begins that is asked for by this message. */
  newPlace(key: string, messageId: string, model: string, say: Say): Promise<NewPlace>;
  /** Shows for some seconds that an answer is being written, where the messenger can. */
  typing?(key: string): Promise<void>;
  /** The session of this conversation was deleted. */
  closed(key: string): Promise<void>;
}
