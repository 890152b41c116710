import { basename, isAbsolute, relative } from "node:path";
import type { SessionsView } from "@claudeway/core";
import { type FileSender, sendFile } from "./send-file.js";
import type { State } from "./state.js";

export interface SessionFilesOptions extends FileSender {
  readonly state: State;
  readonly sessions: Pick<SessionsView, "get" | "readFile">;
}

/** A file that somebody asks for, or that a turn has written. */
interface Wanted {
  readonly sessionId: string;
  readonly key: string;
  readonly replyTo: string | undefined;
  readonly path: string;
}

/** Telegram accepts 50 MB. */
const MAX_BYTES = 50_000_000;
const MAX_FILES = 10;

/** Files of sessions' workdirs, sent to the chat. The gateway follows no links out of a workdir. */
export class SessionFiles {
  constructor(private readonly options: SessionFilesOptions) {}

  /** Sends the files that a turn has written and that its answer names. Never rejects. */
  async sendNamed(written: Iterable<string>, answer: string, wanted: Omit<Wanted, "path">): Promise<void> {
    const named = [...written].filter((path) => answer.includes(basename(path)));
    for (const path of named.slice(0, MAX_FILES)) {
      await this.send({ ...wanted, path }).catch((error: unknown) => {
        this.options.scope.log.debug({ err: error }, "could not send a file that a turn has written");
      });
    }
  }

  /** Rejects with a reason for people if the file does not exist. */
  async send({ sessionId, key, replyTo, path }: Wanted): Promise<void> {
    const { sessions, state } = this.options;
    const session = await sessions.get(sessionId);
    const inside = isAbsolute(path) ? relative(session?.workdir ?? "/", path) : path;
    const encoded = inside.split("/").map(encodeURIComponent).join("/");
    const file = await sessions.readFile(sessionId, encoded, { page: 1, limit: 1, maxBytes: MAX_BYTES });
    if (file === undefined || !("content" in file)) throw new NoSuchFile(`no file ${path}`);
    const sent = { name: basename(inside), content: Buffer.from(file.content), caption: inside };
    state.link(await sendFile(this.options, { key, replyTo }, sent), key);
  }
}

class NoSuchFile extends Error {
  override readonly name = "NoSuchFile";
  readonly code = "NOT_FOUND";
}
