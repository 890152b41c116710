import { randomUUID } from "node:crypto";
import { tmpdir } from "node:os";
import { AdoptedProcesses } from "./adopted.js";
import { IDLE_OPTIONS } from "./options.js";
import { ClaudeProcess } from "./process.js";
import { loadSdk } from "./sdk.js";

const TIMEOUT_MS = 60_000;

/**
 * How the CLI is logged in, in a few words; undefined where it is not. Starts the CLI for a moment and sends nothing to
 * a model. Rejects where the CLI does not answer.
 */
export async function askLogin(
  executable: string,
  env: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  // Without it, the CLI first probes the network, which is slow if there is none.
  const quiet = { ...env, CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1" };
  const plan = { command: executable, args: [], env: quiet, cwd: tmpdir(), options: {} };
  await loadSdk();
  const child = new ClaudeProcess(plan, IDLE_OPTIONS, executable, randomUUID(), new AdoptedProcesses());
  try {
    const { apiProvider, apiKeySource, tokenSource, subscriptionType } = await child.account(TIMEOUT_MS);
    if (apiProvider !== undefined && apiProvider !== "firstParty") return apiProvider;
    const source = [apiKeySource, tokenSource].find((name) => name !== undefined && name !== "none");
    return source === undefined ? undefined : [source, subscriptionType].filter(Boolean).join(", ");
  } finally {
    await child.end("now");
  }
}
