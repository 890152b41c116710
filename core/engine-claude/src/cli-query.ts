import type { Options, Query, SDKMessage, SDKUserMessage } from "@anthropic-ai/claude-agent-sdk";
import { CliOutput, type MirrorOutput } from "./cli-output.js";
import { ControlLines } from "./control-lines.js";
import type { LiveCli } from "./live-settings.js";
import { sdkQuery } from "./sdk.js";

/** What a process needs of the SDK's `Query`; its messages come in groups, as they arrive. */
export type CliQuery = AsyncIterable<readonly SDKMessage[]> &
  Pick<
    Query,
    "interrupt" | "mcpServerStatus" | "supportedModels" | "initializationResult" | "readFile" | "close"
  > &
  LiveCli;

/** Starts a CLI and speaks with it, as the SDK's `query` does. */
export type StartQuery = (params: {
  readonly prompt: AsyncIterable<SDKUserMessage>;
  readonly options: Options;
  /** Notes what the CLI writes to its transcripts. */
  readonly mirror?: MirrorOutput | undefined;
}) => CliQuery;

/** The CLI's option that makes it report what it writes to its transcripts; the SDK's `sessionStore` sets it, too. */
const REPORTS_WRITES = { "session-mirror": null };

/**
 * The SDK's `query`, whose messages are read around it: its own way from the pipe to its caller costs about three times
 * as much as reading the line. The SDK starts the CLI and keeps what its control protocol needs.
 */
export const startQuery: StartQuery = ({ prompt, options, mirror }) => {
  const control = new ControlLines();
  const output = new CliOutput(mirror, control);
  const { spawnClaudeCodeProcess: spawn } = options;
  if (spawn === undefined) throw new Error("the engine starts its processes itself");
  const running = sdkQuery()({
    prompt,
    options: {
      ...options,
      ...(mirror !== undefined && { extraArgs: { ...options.extraArgs, ...REPORTS_WRITES } }),
      spawnClaudeCodeProcess: (how) => {
        const child = spawn(how);
        control.hear(child.stdin);
        child.stdout = output.divert(child.stdout);
        return child;
      },
    },
  });
  void output.endWith(running);
  return {
    [Symbol.asyncIterator]: () => output.messages(),
    interrupt: () => running.interrupt(),
    mcpServerStatus: () => running.mcpServerStatus(),
    supportedModels: () => running.supportedModels(),
    initializationResult: () => running.initializationResult(),
    readFile: (path, options) => running.readFile(path, options),
    setModel: (model) => running.setModel(model),
    setPermissionMode: (mode) => running.setPermissionMode(mode),
    setMcpServers: (servers) => running.setMcpServers(servers),
    applyFlagSettings: (settings) => running.applyFlagSettings(settings),
    close: () => running.close(),
  };
};
