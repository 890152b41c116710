import type { Attachment, Person } from "./messenger.js";

/** A topic, a thread, or a reply chain. */
export interface Conversation {
  readonly sessionId?: string;
  readonly model: string;
  /** What was chosen for the session that begins with the next message. */
  readonly workdir?: string;
  /** Sessions that it went on from, whose turns may still run, oldest first. */
  readonly earlier?: readonly string[];
}

/** An unanswered message. */
export interface Waiting {
  readonly key: string;
  readonly messageId: string;
  readonly prompt: string;
  /** Files that came with it. */
  readonly attachments?: readonly Attachment[];
  /** How many more files came with it than are read. */
  readonly leftOut?: number;
  /** Each picture of an album is a message; together they are one prompt. */
  readonly album?: string;
  /** Set once its turn was started: it must not be started again. */
  readonly begun?: true;
  readonly turnId?: string;
  readonly sessionId?: string;
}

/** A message with buttons. The buttons' data contains the token, which is valid for this message only. */
export interface Card {
  readonly token: string;
  readonly messageId: string;
  /** The conversation that it was shown in. */
  readonly key?: string;
  readonly subject:
    | {
        readonly kind: "approval";
        readonly approvalId: string;
        /** For questions: the answers so far, by question. */
        readonly answered?: readonly string[];
        /** Who gave the last of them. */
        readonly answeredBy?: Person;
        /** The ticked options of the open question. */
        readonly ticked?: readonly string[];
      }
    | {
        readonly kind: "denials";
        readonly keyId: string;
        readonly sessionId: string;
        readonly turnId: string;
        readonly toolUseIds: readonly string[];
      };
  /** Set from the decision until the message shows it. */
  readonly verdict?: string;
  /** The person in the verdict, as the messenger names them. */
  readonly who?: string;
}

/** A message with buttons of one kind. */
export type CardOf<Kind extends Card["subject"]["kind"]> = Card & {
  readonly subject: Extract<Card["subject"], { readonly kind: Kind }>;
};

/** Where to show the later answer of a parked turn. */
export interface ParkedAnswer {
  readonly turnId: string;
  readonly key: string;
  readonly messageId: string;
  /** The message that says what the turn waits for, until it says how that was decided. */
  readonly notice?: ParkedNotice;
}

export interface ParkedNotice {
  readonly messageId: string;
  readonly approvalId: string;
}

// The entries are this plugin's own; the checks only leave out those of another version.

export function isConversation(value: object): value is Conversation {
  return "model" in value && typeof value.model === "string";
}

export function isWaiting(value: object): value is Waiting {
  return "key" in value && "messageId" in value && "prompt" in value && typeof value.prompt === "string";
}

export function isCard(value: object): value is Card {
  return "token" in value && "messageId" in value && "subject" in value && typeof value.subject === "object";
}

export function isParked(value: object): value is ParkedAnswer {
  return "turnId" in value && "key" in value && "messageId" in value;
}
