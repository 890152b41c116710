import { fileURLToPath } from "node:url";
import type { SpawnPlan, TurnEvent, TurnInfo, TurnPlan } from "@claudeway/ports";
import Router from "@koa/router";
import { pino } from "pino";
import type { RequestInfo } from "#kernel/hooks.js";
import { Kernel, type KernelOptions } from "#kernel/kernel.js";
import type { Plugin } from "#kernel/plugin.js";

/** One line of the log, as an operator would read it. */
export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly plugin?: string;
  readonly tap?: string;
  readonly hook?: string;
  readonly linesHeldBack?: number;
}

export interface TestKernel {
  readonly kernel: Kernel;
  readonly lines: LogLine[];
  /** Messages at `warn` and above. */
  readonly complaints: () => string[];
}

export const WARN = 40;

/** A kernel with short deadlines whose log can be read. */
export function createKernel(options: Partial<KernelOptions> = {}): TestKernel {
  const lines: LogLine[] = [];
  const log = pino({ level: "trace" }, { write: (line: string) => lines.push(JSON.parse(line)) });
  const limits = { applyMs: 150, tapMs: 80, disposeMs: 80, closingMs: 200, ...options.limits };
  const kernel = new Kernel({ log, ...options, limits });
  const complaints = () => lines.filter(({ level }) => level >= WARN).map(({ msg }) => msg);
  return { kernel, lines, complaints };
}

/** A plugin with this `apply` that accepts any configuration. */
export function plugin(
  name: string,
  apply: Plugin<object>["apply"],
  more: Partial<Plugin<object>> = {},
): Plugin<object> {
  return {
    name,
    apiVersion: 1,
    configSchema: { type: "object", additionalProperties: true },
    apply,
    ...more,
  };
}

/** The folder of a plugin in test/fixtures/plugins. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/plugins/${name}`, import.meta.url));
}

export function router(): Router {
  return new Router();
}

export const REQUEST: RequestInfo = {
  id: "r1",
  method: "GET",
  path: "/models",
  keyId: "alice",
  remoteAddress: "127.0.0.1",
  headers: {},
  setHeader: () => undefined,
};

export const TURN: TurnInfo = {
  id: "00000000-0000-4000-8000-000000000001",
  sessionId: "00000000-0000-4000-8000-000000000002",
  kind: "task",
  keyId: "alice",
  createdAt: "2030-01-01T00:00:00.000Z",
};

export const PLAN: TurnPlan = {
  prompt: "hello",
  model: "sonnet",
  systemPrompt: undefined,
  workdir: "/tmp",
  timeoutMs: 1000,
  verbatim: false,
  maxBudgetUsd: undefined,
};

export const SPAWN: SpawnPlan = { command: "claude", args: [], env: {}, cwd: "/tmp", options: {} };

export const EVENT: TurnEvent = { type: "text", delta: "hi" };

/** What a promise rejected with; fails if it did not. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("nothing was rejected");
}

/** The message that a promise rejected with. */
export async function rejectionMessage(promise: Promise<unknown>): Promise<string> {
  const error = await rejection(promise);
  return error instanceof Error ? error.message : String(error);
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A promise with its handles outside. */
export function deferred<T = void>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let settle: ((value: T) => void) | undefined;
  const promise = new Promise<T>((resolve) => {
    settle = resolve;
  });
  return { promise, resolve: (value) => settle?.(value) };
}
