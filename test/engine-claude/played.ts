import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SDKMessage, SDKResultMessage } from "@anthropic-ai/claude-agent-sdk";
import { PROGRAM, playing, readRecording } from "./recorded-cli.js";
import { SCENARIOS, type Scenario } from "./scenarios.js";
import { Stage, type StageParts } from "./stage.js";

/** Gives an engine whose CLI says what was recorded; it is closed afterwards. */
export async function onStage<Outcome>(
  processes: Parameters<typeof playing>[0],
  act: (stage: Stage) => Promise<Outcome>,
  options: StageParts["options"] = {},
): Promise<Outcome> {
  const workdir = realpathSync(mkdtempSync(join(tmpdir(), "claudeway-played-")));
  const env = { CLAUDE_CONFIG_DIR: workdir };
  const stage = new Stage({ query: playing(processes), program: PROGRAM, env, workdir, options });
  try {
    return await act(stage);
  } finally {
    await stage.engine.close();
    rmSync(workdir, { recursive: true, force: true });
  }
}

type Outcome<Name extends Scenario> = Awaited<ReturnType<(typeof SCENARIOS)[Name]>>;

/** Plays a scenario from its recording; `stage` is that of an engine that is closed by then. */
export async function play<Name extends Scenario>(
  name: Name,
  options?: StageParts["options"],
): Promise<Outcome<Name> & { stage: Stage }>;
export async function play(name: Scenario, options: StageParts["options"] = {}): Promise<object> {
  return onStage(
    readRecording(name),
    async (stage) => Object.assign(await SCENARIOS[name](stage), { stage }),
    options,
  );
}

/** What the CLI said in one process of a recording. */
export function messagesOf(name: Scenario, at = 0): SDKMessage[] {
  return (readRecording(name)[at] ?? []).flatMap((step) => ("message" in step ? [step.message] : []));
}

/** The results among these, in order. */
export function resultsIn(messages: readonly SDKMessage[]): SDKResultMessage[] {
  return messages.filter((message) => message.type === "result");
}
