import type { GatewayControl, LedgerView, Scope, TurnInfo } from "@claudeway/core";
import type { AdminSession } from "../access/admin-sessions.js";
import { logFolders, monthFiles } from "../logs/files.js";
import { FirstPrompts } from "./first-prompts.js";
import type { Topic } from "./news.js";
import { LatestPrompts } from "./prompts.js";
import { FeedReader } from "./reader.js";
import { LatestWork } from "./work.js";

type FeedScope = Scope<"control" | "turns">;

const SAMPLE_MS = 1000;
/** How long after a tool call the CLI has it in its transcript, from where pages read it. */
const RECORDED_MS = 700;

/** Notifies every connected browser of changes. */
export class Feed {
  readonly prompts = new LatestPrompts();
  readonly firstPrompts = new FirstPrompts();
  readonly work = new LatestWork();
  readonly #readers = new Set<FeedReader>();
  /** Turns that pages were told of, until they end or park. */
  readonly #running = new Set<string>();
  readonly #control: GatewayControl;
  readonly #ledger: LedgerView;
  #sampling: NodeJS.Timeout | undefined;
  /** Sessions with tool calls that may not be in the transcript yet. */
  readonly #stepped = new Set<string>();
  #recording: NodeJS.Timeout | undefined;
  #samples: Readonly<Record<"load" | "plugins" | "logs" | "nodes", string>> = {
    load: "",
    plugins: "",
    logs: "",
    nodes: "",
  };

  constructor(private readonly kernel: FeedScope) {
    this.#control = kernel.control;
    this.#ledger = kernel.ledger;
    kernel.onDispose(() => this.close());
    this.#tap();
  }

  /** Adds a reader. The caller must make sure that it is removed with `leave`. */
  open(sessions: ReadonlySet<string>, login: AdminSession | undefined): FeedReader {
    const reader = new FeedReader(sessions, login);
    this.#readers.add(reader);
    reader.notifyLoad(this.#control.load());
    this.#sampling ??= setInterval(() => void this.#sample(), SAMPLE_MS).unref();
    return reader;
  }

  /** Forwards the text of running turns to a reader that follows their sessions. */
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

  notify(topic: Topic): void {
    for (const reader of this.#readers) reader.notify(topic);
  }

  close(): void {
    clearTimeout(this.#recording);
    for (const reader of this.#readers) this.leave(reader);
  }

  #tap(): void {
    const { hooks } = this.kernel;
    // An interceptor that decides nothing: no observer hook reports that a turn begins.
    hooks.beforeExecute.tap("feed", ({ prompt }, turn) => {
      this.prompts.note(turn.id, prompt);
      this.firstPrompts.note(turn.sessionId, prompt);
      this.#begun(turn);
    });
    hooks.event.tap("feed", (event, turn) => {
      const { type } = event;
      if (type === "done") this.#left(turn);
      // Turns that go on after they were parked, and those that the CLI begins, pass no `beforeExecute`.
      else if (!this.#running.has(turn.id)) this.#begun(turn);
      if (this.work.note(turn.id, event) || type === "tool_call" || type === "tool_result")
        this.#step(turn.sessionId);
    });
    hooks.afterExecute.tap("feed", (turn) => this.#left(turn));
    hooks.sessionStart.tap("feed", ({ id }) => {
      this.firstPrompts.begin(id);
      this.notify("sessions");
    });
    hooks.sessionEnd.tap("feed", () => this.notify("sessions"));
    hooks.approvalRequested.tap("feed", () => this.notify("approvals"));
    hooks.approvalDecided.tap("feed", () => this.notify("approvals"));
    hooks.publicUrl.tap("feed", () => this.notify("gateway"));
    hooks.closing.tap("feed", () => this.close());
  }

  #begun({ id, sessionId }: TurnInfo): void {
    // Events of what a turn left in the background come after its end.
    if (this.kernel.turns.follow(id) === undefined) return;
    this.#running.add(id);
    this.notify("turns");
    for (const reader of this.#readers) if (reader.sessions.has(sessionId)) this.#follow(reader, id);
  }

  /** A turn has ended or parked, which is recorded by then. */
  #left({ id }: TurnInfo): void {
    this.#running.delete(id);
    for (const reader of this.#readers) reader.left(id);
    this.notify("turns");
    this.notify("sessions");
  }

  /** Notifies only the pages that show the session: a turn may make hundreds of calls. */
  #step(sessionId: string): void {
    if (!this.#notifySteps(sessionId)) return;
    this.#stepped.add(sessionId);
    this.#recording ??= setTimeout(() => {
      this.#recording = undefined;
      for (const session of this.#stepped) this.#notifySteps(session);
      this.#stepped.clear();
    }, RECORDED_MS).unref();
  }

  /** False if no page shows the session. */
  #notifySteps(sessionId: string): boolean {
    const readers = [...this.#readers].filter(({ sessions }) => sessions.has(sessionId));
    for (const reader of readers) reader.notify("steps");
    return readers.length > 0;
  }

  #follow(reader: FeedReader, turnId: string): void {
    const turn = this.kernel.turns.follow(turnId);
    if (turn !== undefined) void reader.follow(turn);
  }

  /** Polls what no hook reports: load, plugin states, and the size of the log files. */
  async #sample(): Promise<void> {
    const load = this.#control.load();
    const before = this.#samples;
    this.#samples = {
      load: JSON.stringify(load),
      plugins: JSON.stringify(
        this.#control.plugins().map(({ name, state, lastError, faults }) => [name, state, lastError, faults]),
      ),
      logs: await this.#logSizes(),
      nodes: JSON.stringify(await this.#control.nodes()) ?? "",
    };
    if (before.load !== this.#samples.load) for (const reader of this.#readers) reader.notifyLoad(load);
    if (before.plugins !== this.#samples.plugins) this.notify("plugins");
    if (before.logs !== this.#samples.logs) this.notify("logs");
    if (before.nodes !== this.#samples.nodes) this.notify("gateway");
  }

  async #logSizes(): Promise<string> {
    const { logDir } = this.#control;
    try {
      const files = await monthFiles(logDir, await logFolders(logDir), new Date().toISOString().slice(0, 7));
      return files.map(({ folder, size }) => `${folder}:${size}`).join();
    } catch (error) {
      this.kernel.log.warn({ err: error }, "cannot read the log folder");
      return "";
    }
  }
}
