/** A gateway for tests of plugins: the real one, on an engine that plays a script. */
export type { Session, SessionStartRequest, SessionTurnRequest, TaskRequest } from "@claudeway/schemas";
export type { Posture } from "./engine/engine.js";
export type { KernelLimits } from "./kernel/instance.js";
export type { PluginSource } from "./kernel/loader.js";
export type { MeterLimits } from "./kernel/meter.js";
export type { AnyPlugin, AnySetup } from "./kernel/plugin.js";
export type { TestApprovals } from "./testing/approvals.js";
export { LeakError, type Leftover } from "./testing/leftovers.js";
export type { LogLine } from "./testing/log-lines.js";
export { type FetchOptions, RequestError, type TurnOptions } from "./testing/requests.js";
export type { CallOutcome, Script, ScriptedTurn, ScriptedUsage, Step, Steps } from "./testing/script.js";
export type { StreamEvent } from "./testing/server-events.js";
export type { NewSession, TestSession } from "./testing/session.js";
export type { TestPlugin } from "./testing/setup.js";
export { createTestGateway, type TestGateway, type TestGatewayOptions } from "./testing/test-gateway.js";
