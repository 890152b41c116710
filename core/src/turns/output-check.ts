import { Worker } from "node:worker_threads";
import { GatewayError, messageOf } from "@claudeway/ports";
import { TurnQueue } from "@claudeway/scheduling";
import type { OutputTask } from "./output-worker.js";

/**
 * A caller's schema may be slow to compile, and its patterns slow to match, on purpose too. In ms, from when its thread begins:
 * where the machine is busy, the check of an ordinary schema, 0.05 s alone, has taken more than 5 s.
 */
const MAX_CHECK_MS = 20_000;
/** How long its thread may take to begin, in ms: on a busy machine, loading its modules may take longer than most checks. */
const MAX_BEGIN_MS = 60_000;
/** The CLI gets a schema on its command line, where Linux allows 128 KiB. In characters of its JSON. */
const MAX_SCHEMA_LENGTH = 65_536;
/** Memory of a check, in MiB. */
const MAX_HEAP_MB = 128;

/** A slow schema costs its sender nothing: a few are checked at once, and keys take turns. */
const CHECKS = new TurnQueue({ maxRunning: 4, maxQueued: 256, maxRunningOf: () => 2 });

export type OutputSchema = Readonly<Record<string, unknown>>;

/**
 * The schema without `$schema`: the dialect is always 2020-12. Throws BAD_REQUEST if it is not a JSON Schema, UNAVAILABLE if too
 * many wait to be checked.
 */
export async function checkedSchema(given: OutputSchema, keyId = ""): Promise<OutputSchema> {
  const { $schema: _dialect, ...schema } = given;
  if (JSON.stringify(schema).length > MAX_SCHEMA_LENGTH)
    throw refusal(`have at most ${MAX_SCHEMA_LENGTH} characters`);
  const place = await CHECKS.enter(keyId, new AbortController().signal, () => undefined);
  const problem = await run({ schema })
    .catch(messageOf)
    .finally(() => place.leave());
  if (problem !== undefined) throw refusal(`be a JSON Schema: ${problem}`);
  return schema;
}

/** What is wrong with a turn's structured output; undefined: nothing. */
export async function outputProblem(schema: OutputSchema, value: unknown): Promise<string | undefined> {
  if (value === undefined) return "Claude gave no structured output";
  const problem = await run({ schema, output: { value } }).catch(messageOf);
  return problem && `the structured output does not match output_schema: ${problem}`;
}

/**
 * Checks in a separate thread, so that a slow schema does not block other requests. Rejects if it does not finish in
 * time.
 */
async function run(task: OutputTask): Promise<string | undefined> {
  const worker = new Worker(new URL("./output-worker.js", import.meta.url), {
    workerData: task,
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
    stdout: true,
    stderr: true,
  });
  let late: NodeJS.Timeout | undefined;
  try {
    return await new Promise((resolve, reject) => {
      const within = (ms: number) =>
        setTimeout(() => reject(new Error(`the check took longer than ${ms} ms`)), ms);
      late = within(MAX_BEGIN_MS);
      // Its first message says that it begins.
      worker.once("message", () => {
        clearTimeout(late);
        late = within(MAX_CHECK_MS);
        worker.once("message", resolve);
      });
      worker.once("error", reject);
      worker.once("exit", () => reject(new Error("the check ended without a result")));
    });
  } finally {
    clearTimeout(late);
    await worker.terminate();
  }
}

function refusal(must: string): GatewayError {
  return new GatewayError("BAD_REQUEST", `output_schema must ${must}`);
}
