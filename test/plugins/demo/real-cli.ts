import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Options,
  type Query,
  query,
  type SDKMessage,
  type SDKResultMessage,
  type SDKUserMessage,
} from "@anthropic-ai/claude-agent-sdk";
import type { ScriptedModel } from "#plugins/demo/model/index.js";

/** What the CLI said in a conversation of one process. */
export interface Conversation {
  readonly messages: readonly SDKMessage[];
  readonly results: readonly SDKResultMessage[];
  /** What the iterator threw at its end. */
  readonly thrown: unknown;
}

export type Watcher = (message: SDKMessage, running: Query) => void | Promise<void>;

/** Folders of one test: made before it, removed after it. */
export class TestFolders {
  readonly #made: string[] = [];

  async make(purpose: string): Promise<string> {
    const path = await mkdtemp(join(tmpdir(), `claudeway-test-demo-${purpose}-`));
    this.#made.push(path);
    return path;
  }

  async removeAll(): Promise<void> {
    for (const path of this.#made.splice(0)) await rm(path, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** The environment of a CLI that uses the model; the given values win, undefined removes a variable. */
export function cliEnvironment(
  model: Pick<ScriptedModel, "url">,
  configDir: string,
  more: Record<string, string | undefined> = {},
): Record<string, string | undefined> {
  return {
    PATH: process.env["PATH"],
    HOME: configDir,
    IS_SANDBOX: "1",
    ANTHROPIC_BASE_URL: model.url,
    ANTHROPIC_API_KEY: "demo",
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    DISABLE_AUTOUPDATER: "1",
    CLAUDE_CONFIG_DIR: configDir,
    CLAUDE_CODE_TMPDIR: join(configDir, "tmp"),
    ...more,
  };
}

export const BYPASS: Options = { permissionMode: "bypassPermissions", allowDangerouslySkipPermissions: true };

/**
 * Sends prompts to the real CLI, each after the result of the one before, and ends when the last has its result. The
 * process has exited when this returns. The input stays open until there are as many results as are expected.
 */
export async function converse(
  prompts: readonly string[],
  options: Options,
  watch: Watcher = () => {},
  expected = Math.max(1, prompts.length),
): Promise<Conversation> {
  const messages: SDKMessage[] = [];
  const results: SDKResultMessage[] = [];
  let child: ChildProcess | undefined;
  let thrown: unknown;
  const answered = new Signal();
  const running = query({
    prompt: inTurn(prompts, expected, answered),
    options: {
      settingSources: [],
      includePartialMessages: true,
      model: "sonnet",
      ...options,
      spawnClaudeCodeProcess: ({ command, args, cwd, env, signal }) => {
        const started = spawn(command, args, { cwd, env, signal, stdio: ["pipe", "pipe", "ignore"] });
        child = started;
        return started;
      },
    },
  });
  try {
    for await (const message of running) {
      messages.push(message);
      await watch(message, running);
      if (message.type !== "result") continue;
      results.push(message);
      answered.give();
    }
  } catch (error) {
    thrown = error;
  } finally {
    answered.give();
    running.close();
    if (child !== undefined && child.exitCode === null && child.signalCode === null)
      await once(child, "exit");
  }
  return { messages, results, thrown };
}

/** The text of a result; for an error result, its errors. */
export function textOf(result: SDKResultMessage | undefined): string {
  if (result === undefined) return "(no result)";
  return result.subtype === "success" ? result.result : result.errors.join("\n");
}

async function* inTurn(
  prompts: readonly string[],
  expected: number,
  answered: Signal,
): AsyncGenerator<SDKUserMessage> {
  for (const content of prompts) {
    const message: SDKUserMessage["message"] = { role: "user", content };
    yield { type: "user", message, parent_tool_use_id: null };
    await answered.taken();
  }
  for (let i = prompts.length; i < expected; i++) await answered.taken();
}

/** Lets one waiting party go on at each `give`. */
class Signal {
  #given = 0;
  #waiting: (() => void) | undefined;

  give(): void {
    this.#given++;
    this.#waiting?.();
  }

  async taken(): Promise<void> {
    if (this.#given === 0) {
      await new Promise<void>((resume) => {
        this.#waiting = resume;
      });
    }
    this.#given--;
    this.#waiting = undefined;
  }
}
