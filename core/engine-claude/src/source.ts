import type { LoadedConfig } from "@claudeway/config";
import type {
  EngineSource,
  ProcessGuard,
  SessionTotals,
  SharedTranscripts,
  TurnUsage,
  WrittenUsage,
} from "@claudeway/ports";
import type { Logger } from "pino";
import { afterLoss } from "./bases.js";
import { ClaudeEngine } from "./claude.js";
import { findClaude, versionOf } from "./executable.js";
import { removeCopies } from "./fork-transcript.js";
import { OrphanGuard } from "./orphan-guard.js";
import { endMarked } from "./reaper.js";
import { add, isEmpty, most } from "./totals.js";
import { estimatedUsage, reportedUsage, totalsOf } from "./usage.js";
import { writtenSince } from "./written-usage.js";

/**
 * The CLI that the configuration names, tried in the environment `env`. Rejects with one line where it can't be run.
 */
export async function claudeSource(
  { config, origins }: LoadedConfig,
  env: NodeJS.ProcessEnv,
  log: Logger,
): Promise<EngineSource> {
  const executable = findClaude(config.claude_bin, origins["claude_bin"]);
  const claude = { ...executable, version: await versionOf(executable, env) };
  const { spares, max_processes, idle_secs, max_memory_mb } = config.engine;
  const { background_secs, max_background, max_background_per_key } = config.engine;
  const guard = (marker: string) => new OrphanGuard(marker, log);
  const open = (marker: string, watch?: ProcessGuard, shared?: SharedTranscripts) =>
    new ClaudeEngine({
      shared,
      executable: claude.path,
      installation: marker,
      ...(watch !== undefined && { guard: watch }),
      log,
      spares,
      maxProcesses: max_processes,
      idleMs: idle_secs * 1000,
      backgroundMs: background_secs * 1000,
      maxBackground: max_background,
      maxBackgroundPerKey: max_background_per_key,
      maxMemoryBytes: max_memory_mb * 1024 * 1024,
    });
  const endLeftovers = async (installation: string) => {
    // Killed at once: after TERM, a CLI would still save the totals of half a turn, which no gateway would see.
    await endMarked(installation, 0);
    await removeCopies(installation, log);
  };
  return { claude, guard, open, endLeftovers, totalsAfterLoss, usageAfterLoss, writtenSince };
}

function totalsAfterLoss(before: SessionTotals | undefined, delivered: TurnUsage): SessionTotals {
  return afterLoss(before, totalsOf(delivered));
}

/** A message that broke off may have been received but not written to the transcript, or the reverse. */
function usageAfterLoss(recorded: TurnUsage, { used, carried, totals }: WrittenUsage): TurnUsage {
  if (totals === undefined) return estimatedUsage(add(most(totalsOf(recorded), used), carried));
  return reportedUsage(add(used, carried), !isEmpty(carried));
}
