import { existsSync } from "node:fs";
import { narrowed } from "@claudeway/kernel";
import type {
  Approval,
  ApprovalMode,
  EngineTurn,
  MentionedFile,
  SessionRecord,
  SpawnPlan,
  UnaskedCall,
} from "@claudeway/ports";
import { type AccountChoice, NEVER_SUSPENDED, type TurnSlot, untilWritten } from "@claudeway/scheduling";
import {
  type AttachmentRoom,
  mentionedFiles,
  readsOthersFolder,
  runsRepositoryCode,
  trustedFolder,
  withFiles,
} from "@claudeway/workdirs";
import { TurnCalls } from "../approvals/calls.js";
import { verdictOf } from "../approvals/verdict.js";
import type { TurnParts } from "./parts.js";

/** Prepares what the engine runs: the CLI's start, the folder it works in, the files it is shown, and who decides its calls. */
export class TurnPreparation {
  constructor(private readonly parts: TurnParts) {}

  /** @param unresolved calls that earlier turns of the session left with the CLI */
  async prepare(slot: TurnSlot, unresolved: readonly Approval[]): Promise<EngineTurn> {
    const { context, request, progress, recorder } = this.parts;
    const { granted = [], continues, restartConversation: restart = false, info } = request;
    const { plan } = progress;
    const session = await recorder.session();
    await this.#restoreWorkdir(session);
    const planned = await this.spawnPlan(undefined, session);
    const { cliTotals: totals } = session;
    // A parked call still needs its own decision, even if the plugin that asked for it is off by now.
    const approvalMode = continues?.approval === undefined ? context.approvalMode(planned) : "ask";
    const trusted = approvalMode !== "bypass" && (await this.#trustedFolder(planned));
    const spawn = trusted ? { ...planned, cwd: trusted } : planned;
    const asksQuestions = approvalMode !== "ask" && plan.events?.includes("questions") === true;
    if (approvalMode === "ask") progress.calls = this.callsOf(slot);
    else if (asksQuestions) progress.calls = this.callsOf(NEVER_SUSPENDED, plan.timeoutMs / 1000);
    const room = { workdir: plan.workdir, sessionId: info.sessionId, workdirs: context.workdirs };
    return {
      info,
      plan: {
        ...plan,
        content: await withFiles(plan.content, room),
        options: narrowed(plan.options ?? {}, approvalMode),
      },
      mentions: plan.verbatim ? [] : await this.#mentions(approvalMode, room),
      spawn,
      trusted: spawn !== planned,
      resume: totals !== undefined,
      restart,
      totals,
      granted,
      approvalMode,
      decider: asksQuestions ? undefined : progress.calls,
      questions: asksQuestions ? progress.calls : undefined,
      ...(approvalMode === "deny" ? { needsPermission: this.needsPermission } : {}),
      parkedCall: continues?.approval?.toolUseId,
      promptSent: continues?.parked.limit !== undefined,
      unresolved: unresolved.map(({ toolUseId, status }) => ({ toolUseId, certain: status === "withdrawn" })),
    };
  }

  /** How the CLI is started: with this account, or with the key's first one, and as plugins change it. */
  async spawnPlan(account: AccountChoice | undefined, session?: SessionRecord): Promise<SpawnPlan> {
    const { context, request, progress, recorder } = this.parts;
    await this.#admitFolders(session ?? (await recorder.session()));
    const initial = context.spawn(progress.plan.workdir, request.info.keyId, account);
    const planned = await context.kernel.hooks.spawn.promise(initial, request.info);
    progress.environment = planned.env;
    return planned;
  }

  /** Makes the decider for the turn's tool calls; with `questionsWaitSecs`, for its questions alone. */
  callsOf(slot: Pick<TurnSlot, "suspend" | "resume" | "leave">, questionsWaitSecs?: number): TurnCalls {
    const { request, context, events, progress, recorder } = this.parts;
    const { approvalService, kernel, log, closing } = context;
    const { granted = [], continues } = request;
    return new TurnCalls({
      turn: request.info,
      workdir: progress.plan.workdir,
      parkedApproval: continues?.approval,
      granted,
      approvalService,
      kernel,
      log,
      emit: (event) => (event.type === "question" ? events.report(event) : events.emit(event)),
      questionsWaitSecs,
      slot,
      deliver: (gone, check) => {
        const write = () => check().then(() => recorder.unpark(gone));
        return untilWritten(write, gone, log.child({ turn_id: request.info.id }));
      },
      closing,
    });
  }

  readonly needsPermission = async (call: UnaskedCall): Promise<boolean> => {
    const { context, request, progress } = this.parts;
    const { workdirs, log } = context;
    try {
      const { workdir, options } = progress.plan;
      const folders = [workdir, ...(options?.additionalDirs ?? [])] as const;
      if (await readsOthersFolder(call, folders, request.info.sessionId, workdirs)) return true;
      return await runsRepositoryCode(call);
    } catch (err) {
      log.error({ err, turn_id: request.info.id, tool: call.tool }, "a tool call could not be checked");
      return true;
    }
  };

  /** Since the turn arrived, parked or ran, links may have replaced its folders, and plugins may have chosen others. */
  async #admitFolders(session: SessionRecord): Promise<void> {
    const { context, progress, request } = this.parts;
    const { workdir, options } = progress.plan;
    if (workdir !== session.workdir || !context.workdirs.isAsMade(session))
      await context.workdirs.admit(workdir, request.info);
    for (const dir of options?.additionalDirs ?? [])
      await context.workdirs.admit(dir, request.info, "additional_dirs");
  }

  /**
   * Recreates the session's working directory if the gateway made it. A directory that the caller named is not touched.
   */
  async #restoreWorkdir({ id, ownsWorkdir, workdir }: SessionRecord): Promise<void> {
    const { context, progress } = this.parts;
    const { workdirs, engine } = context;
    const { workdir: path } = progress.plan;
    const isOurs = path === workdirs.base || (ownsWorkdir && path === workdir);
    const isThere = existsSync(path);
    if (isThere && !progress.workdirRecreated) return;
    if (!isThere) progress.workdirRecreated = isOurs && (await workdirs.recreate(path));
    // A live process would keep the deleted directory as its working directory.
    await engine.release(id);
  }

  #trustedFolder({ cwd, options }: SpawnPlan): Promise<string | undefined> {
    const { context, progress } = this.parts;
    const besides = [
      ...(progress.plan.options?.additionalDirs ?? []),
      ...(options.additionalDirectories ?? []),
    ];
    return trustedFolder(cwd, besides, context.trustedWorkdirs);
  }

  /** The files that the prompt mentions, as far as they may be read unasked. With the bypass on, the CLI finds them. */
  async #mentions(approvalMode: ApprovalMode, room: AttachmentRoom): Promise<readonly MentionedFile[]> {
    if (approvalMode === "bypass") return [];
    const { context, request, progress } = this.parts;
    const { kernel, log } = context;
    const { prompt, workdir } = progress.plan;
    return mentionedFiles(prompt, room, async (path) => {
      if (approvalMode === "deny") return true;
      const input = { file_path: path };
      const call = { toolUseId: request.info.id, tool: "Read", input, workdir, cwd: workdir };
      return (await verdictOf(kernel, call, request.info, log)).verdict === "allow";
    });
  }
}
