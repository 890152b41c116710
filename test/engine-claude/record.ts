import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type HookCallback,
  type Options,
  query,
  type SDKMessage,
  type SDKUserMessage,
} from "@anthropic-ai/claude-agent-sdk";
import { startScriptedModel } from "@claudeway/plugin-demo/model";
import type { StartQuery } from "#engine-claude/cli-query.js";
import { findClaude } from "#engine-claude/executable.js";
import { cliEnvironment } from "../e2e/gateway.js";
import { hookId, recordingOf, type Step, WORKDIR } from "./recorded-cli.js";
import { SCENARIOS, type Scenario } from "./scenarios.js";
import { Stage } from "./stage.js";

/*
 * Records what the real CLI says to the scripted model's answers, into `recorded/`:
 *
 *     node --import=tsx test/engine-claude/record.ts [scenario …]
 */

/** Fields that depend on the machine or the CLI's version, and are not used. */
const LEFT_OUT = new Set([
  "init.tools",
  "init.mcp_servers",
  "init.slash_commands",
  "init.agents",
  "init.skills",
  "init.plugins",
  "init.memory_paths",
  "init.claude_code_version",
  "init.output_style",
  "init.betas",
  "init.capabilities",
  "init.messaging_socket_path",
  "init.terminal_slash_commands",
]);

function slim(message: SDKMessage): SDKMessage {
  const subtype = message.type === "system" ? message.subtype : message.type;
  return JSON.parse(
    JSON.stringify(message, (key, value) => (LEFT_OUT.has(`${subtype}.${key}`) ? undefined : value)),
  );
}

/** The SDK's `query`, with everything that goes through it written down. */
function recording(processes: Step[][]): StartQuery {
  return ({ prompt, options }) => {
    const steps: Step[] = [{ start: options.sessionId ?? options.resume }];
    processes.push(steps);
    const running = query({
      prompt: tee(prompt, steps),
      options: {
        ...options,
        ...(options.hooks && { hooks: watched(options.hooks, steps) }),
        spawnClaudeCodeProcess: spawning(options, steps),
      },
    });
    return {
      async *[Symbol.asyncIterator]() {
        try {
          for await (const message of running) {
            steps.push({ message: slim(message) });
            yield [message];
          }
          steps.push({ end: null });
        } catch (error) {
          steps.push({ end: error instanceof Error ? error.message : String(error) });
          throw error;
        }
      },
      interrupt: () => {
        if (!steps.some((step) => "interrupt" in step)) steps.push({ interrupt: true });
        return running.interrupt();
      },
      mcpServerStatus: () => running.mcpServerStatus(),
      setModel: (model) => running.setModel(model),
      setPermissionMode: (mode) => running.setPermissionMode(mode),
      setMcpServers: (servers) => running.setMcpServers(servers),
      applyFlagSettings: (settings) => running.applyFlagSettings(settings),
      supportedModels: () => running.supportedModels(),
      initializationResult: () => running.initializationResult(),
      readFile: (path, options) => running.readFile(path, options),
      close: () => running.close(),
    };
  };
}

async function* tee(prompts: AsyncIterable<SDKUserMessage>, steps: Step[]): AsyncGenerator<SDKUserMessage> {
  for await (const prompt of prompts) {
    steps.push({ prompt: prompt.uuid });
    yield prompt;
  }
  steps.push({ closed: true });
}

function spawning(
  { spawnClaudeCodeProcess: spawn }: Options,
  steps: Step[],
): NonNullable<Options["spawnClaudeCodeProcess"]> {
  return (how) => {
    if (spawn === undefined) throw new Error("the engine starts its processes itself");
    const child = spawn(how);
    child.once("exit", (_code, signal) => {
      if (signal === "SIGKILL") steps.push({ killed: true });
    });
    return child;
  };
}

function watched(hooks: NonNullable<Options["hooks"]>, steps: Step[]): NonNullable<Options["hooks"]> {
  const watch =
    (hook: HookCallback): HookCallback =>
    async (input, ...rest) => {
      steps.push({ hook: input });
      const answer = await hook(input, ...rest);
      steps.push({ answered: hookId(input) });
      return answer;
    };
  const entries = Object.entries(hooks).map(([event, matchers]) => [
    event,
    matchers.map((matcher) => ({ ...matcher, hooks: matcher.hooks.map(watch) })),
  ]);
  return Object.fromEntries(entries);
}

async function record(name: Scenario): Promise<void> {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), "claudeway-record-")));
  const workdir = join(dir, "work");
  mkdirSync(workdir);
  const model = await startScriptedModel();
  const processes: Step[][] = [];
  const program = findClaude(undefined).path;
  const env = { PATH: process.env["PATH"] ?? "", IS_SANDBOX: "1", ...cliEnvironment(model, dir) };
  const stage = new Stage({ query: recording(processes), program, env, workdir });
  try {
    await SCENARIOS[name](stage);
  } finally {
    await stage.engine.close();
    await model.close();
    rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
  }
  const lines = processes
    .flat()
    .map((step) => JSON.stringify(step).replaceAll(workdir, WORKDIR).replaceAll(dir, "/home"));
  writeFileSync(recordingOf(name), `${lines.join("\n")}\n`);
  process.stdout.write(`${name}: ${processes.length} processes, ${lines.length} steps\n`);
}

const wanted = process.argv.slice(2);
const isScenario = (name: string): name is Scenario => Object.hasOwn(SCENARIOS, name);
for (const name of Object.keys(SCENARIOS)) {
  if (isScenario(name) && (wanted.length === 0 || wanted.includes(name))) await record(name);
}
