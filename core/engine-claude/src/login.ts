import { randomUUID } from "node:crypto";
import { tmpdir } from "node:os";
import type { AccountInfo } from "@anthropic-ai/claude-agent-sdk";
import { AdoptedProcesses } from "./adopted.js";
import { IDLE_OPTIONS } from "./options.js";
import { ClaudeProcess } from "./process.js";
import { loadSdk } from "./sdk.js";

export const LOGIN_TIMEOUT_MS = 60_000;

/** Variables that the CLI uses as its login, whatever is stored (https://code.claude.com/docs/en/authentication). */
const CREDENTIALS = ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"];

/**
 * How the CLI is logged in, in a few words; undefined where it is not. Starts the CLI for a moment and sends nothing to
 * a model. Rejects where the CLI does not answer.
 */
export async function askLogin(
  executable: string,
  env: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  const plan = { command: executable, args: [], env: withoutProbes(env), cwd: tmpdir(), options: {} };
  await loadSdk();
  const child = new ClaudeProcess(plan, IDLE_OPTIONS, executable, randomUUID(), new AdoptedProcesses());
  try {
    return describeLogin(await child.account(LOGIN_TIMEOUT_MS));
  } finally {
    await child.end("now");
  }
}

/** Otherwise the CLI first probes the network, which is slow without one. */
export function withoutProbes(env: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return { ...env, CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1" };
}

/** The login that needs no question: a credential in the CLI's environment. It may still be refused by the API. */
export function loginIn(env: Readonly<Record<string, string>>): string | undefined {
  return CREDENTIALS.find((name) => (env[name] ?? "") !== "");
}

/** The login in a few words; undefined if it is missing. */
export function describeLogin(account: AccountInfo): string | undefined {
  const { apiProvider, apiKeySource, tokenSource, subscriptionType } = account;
  if (apiProvider !== undefined && apiProvider !== "firstParty") return apiProvider;
  const source = [apiKeySource, tokenSource].find((name) => name !== undefined && name !== "none");
  return source === undefined ? undefined : [source, subscriptionType].filter(Boolean).join(", ");
}
