import type { BackgroundTask, EngineTurn, SessionListener } from "@claudeway/ports";
import type { Logger } from "pino";
import type { Accounts } from "./accounts.js";
import type { Launcher } from "./launcher.js";
import type { ProcessPool } from "./pool.js";
import type { ClaudeProcess } from "./process.js";
import { SessionProcess } from "./session-process.js";

export interface SessionProcessesParts {
  readonly pool: ProcessPool;
  readonly launcher: Launcher;
  readonly accounts: Accounts;
  readonly log: Logger;
}

/** The listener until `listen` is called. */
const UNHEARD: SessionListener = {
  began: () => undefined,
  tasks: () => undefined,
  lost: () => undefined,
  wants: () => false,
  event: () => undefined,
};

/** The processes that turns have run in, each as one of its session, and what runs in their background. */
export class SessionProcesses {
  readonly #processes = new WeakMap<ClaudeProcess, SessionProcess>();
  readonly #background = new Map<string, readonly BackgroundTask[]>();
  #listener: SessionListener = UNHEARD;

  constructor(private readonly parts: SessionProcessesParts) {}

  listen(listener: SessionListener): void {
    this.#listener = listener;
  }

  background(sessionId: string): readonly BackgroundTask[] {
    return this.#background.get(sessionId) ?? [];
  }

  /** Whether a turn has run in the process. */
  has(child: ClaudeProcess): boolean {
    return this.#processes.has(child);
  }

  /** The process as the one of the turn's session. */
  of(child: ClaudeProcess, turn: EngineTurn): SessionProcess {
    const known = this.#processes.get(child);
    if (known !== undefined) {
      known.serve(turn);
      return known;
    }
    const made = new SessionProcess(turn, {
      child,
      hook: this.parts.launcher.hookOf(child),
      accounts: this.parts.accounts,
      sessions: {
        began: (own) => this.#listener.began(own),
        tasks: (sessionId, running) => {
          if (running.length > 0) this.#background.set(sessionId, running);
          else this.#background.delete(sessionId);
          this.#listener.tasks(sessionId, running);
        },
        lost: (sessionId, tasks) => this.#listener.lost(sessionId, tasks),
        wants: (kind, after) => this.#listener.wants(kind, after),
        event: (event, after) => this.#listener.event(event, after),
      },
      changed: () => this.parts.pool.touch(turn.info.sessionId),
      log: this.parts.log,
    });
    child.reader.own(made);
    this.#processes.set(child, made);
    return made;
  }
}
