import type { GatewayControl, LedgerView, Scope, TurnInfo } from "@claudeway/core";
import type { AdminSession } from "../access/admin-sessions.js";
import { logFolders, monthFiles } from "../logs/files.js";
import { LatestPrompts } from "./prompts.js";
import { FeedReader, type Topic } from "./reader.js";

type FeedScope = Scope<"control" | "turns">;

const SAMPLE_MS = 1000;

/** Tells every browser that listens what has changed. */
export class Feed {
  readonly prompts = new LatestPrompts();
  readonly #readers = new Set<FeedReader>();
  readonly #control: GatewayControl;
  readonly #ledger: LedgerView;
  #sampling: NodeJS.Timeout | undefined;
  #samples: Readonly<Record<"load" | "plugins" | "logs", string>> = { load: "", plugins: "", logs: "" };

  constructor(private readonly kernel: FeedScope) {
    this.#control = kernel.control;
    this.#ledger = kernel.ledger;
    kernel.onDispose(() => this.close());
    this.#tap();
  }

  /** Adds a browser that listens. The caller sees to it at once that it leaves again. */
  open(sessions: ReadonlySet<string>, login: AdminSession | undefined): FeedReader {
    const reader = new FeedReader(sessions, login);
    this.#readers.add(reader);
    reader.tellLoad(this.#control.load());
    this.#sampling ??= setInterval(() => void this.#sample(), SAMPLE_MS).unref();
    return reader;
  }

  /** Passes on the text of the turns that run in the sessions whose text is wanted. */
  async followRunning(reader: FeedReader): Promise<void> {
    const { sessions } = reader;
    for (const turn of sessions.size === 0 ? [] : await this.#ledger.running()) {
      if (sessions.has(turn.sessionId)) this.#follow(reader, turn.id);
    }
  }

  leave(reader: FeedReader): void {
    reader.close();
    this.#readers.delete(reader);
    if (this.#readers.size > 0) return;
    clearInterval(this.#sampling);
    this.#sampling = undefined;
  }

  tell(topic: Topic): void {
    for (const reader of this.#readers) reader.tell(topic);
  }

  close(): void {
    for (const reader of this.#readers) this.leave(reader);
  }

  #tap(): void {
    const { hooks } = this.kernel;
    // A interceptor hook, and nothing is decided: there is no other news of a turn that begins.
    hooks.beforeExecute.tap("feed", ({ prompt }, turn) => this.#begun(turn, prompt));
    hooks.afterExecute.tap("feed", () => {
      this.tell("turns");
      this.tell("sessions");
    });
    hooks.sessionStart.tap("feed", () => this.tell("sessions"));
    hooks.sessionEnd.tap("feed", () => this.tell("sessions"));
    hooks.approvalRequested.tap("feed", () => this.tell("approvals"));
    hooks.approvalDecided.tap("feed", () => this.tell("approvals"));
    hooks.publicUrl.tap("feed", () => this.tell("gateway"));
    hooks.closing.tap("feed", () => this.close());
  }

  #begun({ id, sessionId }: TurnInfo, prompt: string): void {
    this.prompts.note(id, prompt);
    this.tell("turns");
    for (const reader of this.#readers) if (reader.sessions.has(sessionId)) this.#follow(reader, id);
  }

  #follow(reader: FeedReader, turnId: string): void {
    const turn = this.kernel.turns.follow(turnId);
    if (turn !== undefined) void reader.follow(turn);
  }

  /** What no hook tells: how busy it is, plugins that fail, and what has reached the log files. */
  async #sample(): Promise<void> {
    const load = this.#control.load();
    const before = this.#samples;
    this.#samples = {
      load: JSON.stringify(load),
      plugins: JSON.stringify(
        this.#control.plugins().map(({ name, state, lastError, faults }) => [name, state, lastError, faults]),
      ),
      logs: await this.#logSizes(),
    };
    if (before.load !== this.#samples.load) for (const reader of this.#readers) reader.tellLoad(load);
    if (before.plugins !== this.#samples.plugins) this.tell("plugins");
    if (before.logs !== this.#samples.logs) this.tell("logs");
  }

  async #logSizes(): Promise<string> {
    const { logDir } = this.#control;
    try {
      const files = await monthFiles(logDir, await logFolders(logDir), new Date().toISOString().slice(0, 7));
      return files.map(({ folder, size }) => `${folder}:${size}`).join();
    } catch (error) {
      this.kernel.log.warn({ err: error }, "the logs can't be looked at");
      return "";
    }
  }
}
