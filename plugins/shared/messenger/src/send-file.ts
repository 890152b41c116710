import type { PluginScope } from "@claudeway/core";
import { line } from "./cards.js";
import { MessengerFailure } from "./failures.js";
import type { Messenger, Place } from "./messenger.js";
import { plain } from "./spans.js";
import type { Say } from "./texts.js";

export interface FileSender {
  readonly messenger: Messenger;
  readonly say: Say;
  readonly scope: Pick<PluginScope, "log">;
}

export interface SentFile {
  readonly name: string;
  readonly content: Buffer;
  readonly caption: string;
}

const MAX_SHOWN = 200;

/** Sends a file, or a message that says why it could not be sent. Resolves to the id of what was sent. */
export async function sendFile(
  { messenger, say, scope }: FileSender,
  place: Place,
  { name, content, caption }: SentFile,
): Promise<string> {
  try {
    return await messenger.sendFile(place, name, content, caption);
  } catch (error) {
    if (!(error instanceof MessengerFailure)) throw error;
    scope.log.warn({ err: error }, "could not send a file");
    const text = say("fileNotSent", { name, reason: error.message });
    return messenger.send(place, { spans: [plain(`⚠️ ${line(text, MAX_SHOWN, messenger.sizes)}`)] });
  }
}
