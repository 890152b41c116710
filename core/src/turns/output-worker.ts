import { parentPort, workerData } from "node:worker_threads";
import { createAjv } from "@claudeway/schemas";

/** What the worker is given; without `output` only the schema is compiled. */
export interface OutputTask {
  readonly schema: Readonly<Record<string, unknown>>;
  readonly output?: { readonly value: unknown };
}

function problemOf({ schema, output }: OutputTask): string | undefined {
  const ajv = createAjv({ strict: false, useDefaults: false, verbose: false, logger: false });
  const isValid = ajv.compile(schema);
  if (output === undefined || isValid(output.value)) return undefined;
  return ajv.errorsText(isValid.errors, { dataVar: "structured_output" });
}

const task: OutputTask = workerData;
parentPort?.postMessage("begun");
parentPort?.postMessage(problemOf(task));
