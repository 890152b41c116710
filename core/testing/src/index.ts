/** A gateway for tests of plugins: the real gateway with an engine that plays a script. */

export type { AnyPlugin, AnySetup, KernelLimits, MeterLimits, PluginSource } from "@claudeway/kernel";
export type { ApprovalMode } from "@claudeway/ports";
export type { Session, SessionStartRequest, SessionTurnRequest, TaskRequest } from "@claudeway/schemas";
export type { TestApprovals } from "./approvals.js";
export { LeakError, type Leftover } from "./leftovers.js";
export type { LogLine } from "./log-lines.js";
export { type FetchOptions, RequestError, type TurnOptions } from "./requests.js";
export type { CallOutcome, Script, ScriptedTurn, ScriptedUsage, Step, Steps } from "./script.js";
export type { StreamEvent } from "./server-events.js";
export type { NewSession, TestSession } from "./session.js";
export type { TestPlugin } from "./setup.js";
export {
  createTestGateway,
  type TestGateway,
  type TestGatewayOptions,
  type TestGatewayRestart,
} from "./test-gateway.js";
