import { randomUUID } from "node:crypto";
import type {
  BackgroundTask,
  BackgroundTurnTerms,
  ChildNote,
  EngineEvent,
  EngineListener,
  EngineResult,
  EngineTurn,
  LostTask,
  SessionTotals,
  TurnUsage,
} from "@claudeway/ports";
import { pino } from "pino";
import { ClaudeEngine, type ClaudeEngineOptions } from "#engine-claude/claude.js";
import type { StartQuery } from "#engine-claude/cli-query.js";

/** What was heard of a turn. */
export interface Ran {
  readonly result: EngineResult;
  readonly text: string;
  /** All reported totals of the session. */
  readonly totals: readonly SessionTotals[];
  readonly usages: readonly TurnUsage[];
  readonly models: readonly string[];
  readonly events: readonly EngineEvent[];
  readonly settledUnresolved: boolean;
  readonly child: ChildNote | undefined;
}

export interface TurnParts extends Partial<Omit<EngineTurn, "info" | "plan" | "spawn">> {
  readonly session?: string;
  readonly kind?: EngineTurn["info"]["kind"];
  readonly model?: string;
  readonly maxBudgetUsd?: number;
}

export interface StageParts {
  /** In place of the real CLI's. */
  readonly query?: StartQuery;
  /** What runs in the place of the CLI. */
  readonly program: string;
  readonly env: Readonly<Record<string, string>>;
  readonly workdir: string;
  readonly options?: Partial<ClaudeEngineOptions>;
}

/** An engine with those who hear of it. */
export class Stage {
  readonly engine: ClaudeEngine;
  /** Turns that the CLI began by itself. */
  readonly own: Promise<Ran>[] = [];
  readonly tasks: (readonly BackgroundTask[])[] = [];
  readonly lost: LostTask[] = [];
  /** What happened outside turns. */
  readonly between: EngineEvent[] = [];
  /** Lines of the log from the level "warn" on. */
  readonly warnings: string[] = [];
  /** The process that ran the latest turn. */
  pid: number | undefined;
  terms: BackgroundTurnTerms = { decider: undefined };
  readonly stopOwn = new AbortController();

  constructor(private readonly parts: StageParts) {
    const log = pino({ level: "warn" }, { write: (line: string) => void this.warnings.push(line) });
    this.engine = new ClaudeEngine({
      executable: parts.program,
      installation: `unit-${randomUUID()}`,
      spares: 0,
      maxProcesses: 4,
      idleMs: 60_000,
      backgroundMs: 60_000,
      maxBackground: 4,
      maxBackgroundPerKey: 4,
      maxMemoryBytes: 0,
      ...(parts.query !== undefined && { query: parts.query }),
      log,
      ...parts.options,
    });
    this.engine.listen({
      began: (turn) =>
        void this.own.push(hear((listener) => turn.run(this.terms, listener, this.stopOwn.signal))),
      tasks: (_session, running) => void this.tasks.push(running),
      lost: (_session, tasks) => void this.lost.push(...tasks),
      wants: () => true,
      event: (event) => void this.between.push(event),
    });
  }

  turn(prompt: string, more: TurnParts = {}): EngineTurn {
    const { session = randomUUID(), kind = "session", model = "sonnet", maxBudgetUsd, ...rest } = more;
    const { program, env, workdir } = this.parts;
    return {
      approvalMode: "bypass",
      decider: undefined,
      parkedCall: undefined,
      unresolved: [],
      granted: [],
      resume: false,
      restart: false,
      totals: undefined,
      info: {
        id: randomUUID(),
        sessionId: session,
        kind,
        keyId: "admin",
        createdAt: new Date().toISOString(),
      },
      plan: {
        prompt,
        verbatim: false,
        model,
        systemPrompt: undefined,
        maxBudgetUsd,
        timeoutMs: 60_000,
        workdir,
      },
      spawn: { command: program, args: [], env, cwd: workdir, options: {} },
      ...rest,
    };
  }

  /** Runs a turn; `at` gets each piece of its text, and may stop it. */
  run(
    turn: EngineTurn,
    at: (text: string, stop: (why: string) => void, child: ChildNote | undefined) => void = () => undefined,
  ): Promise<Ran> {
    const stop = new AbortController();
    return hear(
      (listener) => this.engine.run(turn, listener, stop.signal),
      (text, child) => at(text, (why) => stop.abort(why), child),
      ({ pid }) => {
        this.pid = pid;
      },
    );
  }

  async ownTurns(count: number): Promise<Ran[]> {
    while (this.own.length < count) await new Promise((resolve) => setTimeout(resolve, 10));
    return Promise.all(this.own);
  }
}

async function hear(
  run: (listener: EngineListener) => Promise<EngineResult>,
  at: (text: string, child: ChildNote | undefined) => void = () => undefined,
  began: (child: ChildNote) => void = () => undefined,
): Promise<Ran> {
  const totals: SessionTotals[] = [];
  const usages: TurnUsage[] = [];
  const models: string[] = [];
  const events: EngineEvent[] = [];
  let [text, settledUnresolved] = ["", false];
  let child: ChildNote | undefined;
  const result = await run({
    text: (delta) => {
      text += delta;
      at(text, child);
    },
    usage: (usage) => void usages.push(usage),
    process: (note) => {
      child = note;
      began(note);
    },
    settledUnresolved: () => {
      settledUnresolved = true;
    },
    totals: (now) => void totals.push(now),
    model: (model) => void models.push(model),
    wants: () => true,
    event: (event) => void events.push(event),
  });
  return { result, text, totals, usages, models, events, settledUnresolved, child };
}
