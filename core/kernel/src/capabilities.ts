import type {
  Approval,
  ApprovalFilter,
  ApprovalPage,
  Decider,
  Decision,
  PageQuery,
  Singletons,
} from "@claudeway/ports";
import type { GatewayControl } from "./gateway-control.js";
import type { Keys } from "./keys.js";
import { ALONE } from "./leading.js";
import type { LedgerView } from "./ledger-view.js";
import type { Quota } from "./plugin-quota.js";
import type { PluginStore } from "./plugin-store.js";
import type { SessionsView } from "./sessions-view.js";
import type { TurnRunner } from "./turn-runner.js";

/** Access to pending tool calls. */
export interface Approvals {
  /** Newest first. */
  list(query: ApprovalFilter & PageQuery): Promise<ApprovalPage>;
  get(id: string): Promise<Approval | undefined>;
  /**
   * Decides a pending request. Resolves to the decided request. Rejects with CONFLICT, which names who decided first,
   * and with FORBIDDEN if the request does not allow this decider.
   */
  decide(id: string, decision: Decision, decider: Decider): Promise<Approval>;
  /** The path of a signed page on which this one request can be decided, once. */
  link(id: string): Promise<string>;
}

/** The service for each of a plugin's `needs`. */
export interface Capabilities {
  readonly turns: TurnRunner;
  readonly approvals: Approvals;
  readonly control: GatewayControl;
  readonly keys: Keys;
  readonly quota: Quota;
}

/** All services of the gateway for plugins; the kernel passes each plugin those that it requested. */
export interface PluginServices extends Omit<Capabilities, "quota"> {
  readonly sessions: SessionsView;
  readonly ledger: LedgerView;
  /** Whether other gateways work on the same ledger. */
  readonly shared: boolean;
  readonly singletons: Singletons;
  /** Creates a plugin's own folder and returns its path. */
  storage(plugin: string): string;
  /** Opens a plugin's own counters. */
  quota(plugin: string): Quota;
  /** Opens a plugin's own part of the store. */
  store(plugin: string): PluginStore;
  /** The environment variables that mark a plugin's child processes. */
  childMark(plugin: string): Readonly<Record<string, string>>;
}

/** The default services of a kernel without a gateway: every use throws. */
export const NO_SERVICES: PluginServices = {
  get sessions() {
    return notOffered("sessions");
  },
  get ledger() {
    return notOffered("ledger");
  },
  get turns() {
    return notOffered("turns");
  },
  get approvals() {
    return notOffered("approvals");
  },
  get control() {
    return notOffered("control");
  },
  get keys() {
    return notOffered("keys");
  },
  shared: false,
  singletons: ALONE,
  storage: () => notOffered("storage"),
  store: () => notOffered("store"),
  quota: () => notOffered("quota"),
  childMark: () => notOffered("childMark"),
};

function notOffered(what: string): never {
  throw new Error(`this gateway does not provide ${what}`);
}

/** @deprecated The earlier name of `Approvals`. */
export type ApprovalDesk = Approvals;
