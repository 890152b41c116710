import type { Caller, CommandName, ModelName, NodeView } from "@claudeway/ports";
import type { PluginPage } from "@claudeway/schemas";
import type { ListenAddress } from "./hooks.js";
import type { ConfiguredKey } from "./keys.js";

/** The load of the gateway. */
export interface Load {
  readonly running: number;
  readonly queued: number;
  /** Running processes of the CLI. */
  readonly processes: number;
}

/** The size of the queue of turns. */
export interface QueueSize {
  readonly maxRunning: number;
  readonly maxQueued: number;
}

/** The outcome of a reload of the configuration. */
export interface ReloadReport {
  readonly started: readonly string[];
  readonly replaced: readonly string[];
  readonly stopped: readonly string[];
  readonly unchanged: readonly string[];
  /** One line each. */
  readonly failed: readonly string[];
}

export interface GatewayPaths {
  /** Undefined without a configuration file. */
  readonly configFile: string | undefined;
  /** The ledger and its keys. */
  readonly dataDir: string;
  /** The base folder of the workdirs. */
  readonly workdirs: string;
  /** `[engine] config_dirs`: whether each key has a configuration folder of the CLI. */
  readonly configDirs: "shared" | "per_key";
}

/** The status of a plugin. Numbers count from its last start. */
export interface PluginStatus {
  readonly name: string;
  /** The version of its package, if it has one. */
  readonly version?: string;
  readonly state: "on" | "off" | "failed";
  readonly needs: readonly string[];
  /** Whether it says that the CLI's tool calls can do less than the gateway while it is on. */
  readonly confinesCli: boolean;
  /** The source as configured: a name, a package or a path. */
  readonly source: string;
  /** With defaults filled in and secrets masked. */
  readonly config: Readonly<Record<string, unknown>>;
  /** The duration of its start, in milliseconds. */
  readonly startedMs: number;
  readonly lastError: string | null;
  /** docs/plugin-faults.md explains each. */
  readonly lastErrorCode: string | null;
  /** Milliseconds that requests and turns spent in its taps. */
  readonly tapMs: number;
  /** Exceptions, rejections, missed deadlines and invalid answers of its taps. */
  readonly faults: number;
  /** Observer calls that were dropped because too many were in flight. */
  readonly dropped: number;
  /** The longest time that one call blocked the whole gateway, in ms; 0 if none exceeded the limit. */
  readonly blockedMs: number;
  readonly notices: readonly string[];
}

/** A page of a plugin in the dashboard. */
export interface DescribedPage {
  readonly plugin: string;
  readonly page: PluginPage;
}

/** The gateway itself. */
export interface GatewayControl {
  readonly version: string;
  /** Every plugin that has been enabled since the start; secrets in its configuration are masked. */
  plugins(): readonly PluginStatus[];
  /** The pages of plugins in the dashboard, in the order of the plugins. */
  pages(): readonly DescribedPage[];
  /** The installed plugins, first- and third-party, enabled or not. */
  available(): Promise<readonly string[]>;
  /** What installed packages of plugins say about them, by the packages' and the plugins' names. */
  descriptions(): Promise<ReadonlyMap<string, string>>;
  /** Until the restart. Rejects with a one-line reason. */
  enable(name: string): Promise<void>;
  disable(name: string): Promise<void>;
  /** Reloads the configuration file. If it has a fault, rejects with one line and changes nothing. */
  reload(): Promise<ReloadReport>;
  load(): Load;
  /** The nodes of the cluster, as this one last saw them; undefined if the gateway is alone. */
  nodes(): Promise<readonly NodeView[] | undefined>;
  /**
   * Has this node take no more sessions, so that it runs empty, or take them again. Rejects with a one-line reason if the
   * gateway is alone, or `node` is another one.
   */
  drain(node: string, draining: boolean): Promise<void>;
  /** How many turns run at once, and how many more may wait. */
  readonly queue: QueueSize;
  /** The gateway's own paths and every plugin's, as an OpenAPI 3.1 document. */
  openapi(): Readonly<Record<string, unknown>>;
  /** The caller with this secret, if any. Runs in constant time. */
  authenticate(secret: string): Caller | undefined;
  /** The configured keys, the admin's first, without their secrets. */
  keys(): readonly ConfiguredKey[];
  /** The models that the CLI offers, as `GET /models`. */
  models(): Promise<readonly ModelName[]>;
  /** The slash commands of the CLI that a prompt may run in every approval mode; none if the CLI does not list them. */
  commands(): Promise<readonly CommandName[]>;
  /** Announces the public URL; undefined if it no longer exists. */
  announcePublicUrl(url: string | undefined): void;
  publicUrl(): string | undefined;
  /** Where the gateway listens; undefined until the port is open (see the hook `listening`). */
  address(): ListenAddress | undefined;
  /** Folder of the audit log: `<dir>/<key_id>/YYYY-MM.log`. */
  readonly logDir: string;
  /** The gateway's own folders, as absolute paths. */
  readonly paths: GatewayPaths;
}
