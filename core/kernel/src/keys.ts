import type { KeyDescription } from "./hooks.js";

/** A key of the configuration. */
export interface ConfiguredKey {
  readonly id: string;
  /** True if the gateway made it because none was configured. */
  readonly generated: boolean;
  readonly secretLength: number;
  /** Differs for another secret, and reveals nothing else about it. */
  readonly fingerprint?: string;
}

/** What a key may do. What is left out is not limited, and of `allow`, nothing. */
export interface KeyLimit {
  /** How many of its turns run at once; more wait. */
  readonly maxRunning?: number | undefined;
  /** Patterns of the folders that it may name, as `[keys.<id>] workdirs`. */
  readonly workdirs?: readonly string[] | undefined;
  /** The fields of requests that widen what Claude may do and that it may send. */
  readonly allow?:
    | readonly ("mcp_servers" | "agents" | "tools" | "allowed_tools" | "additional_dirs")[]
    | undefined;
  /** What it belongs to, such as teams and projects. */
  readonly tags?: readonly string[] | undefined;
}

/** The keys of the gateway, for plugins that authenticate further ones. */
export interface Keys {
  /** The configured keys, the admin's first. */
  list(): readonly ConfiguredKey[];
  /** What any key may do, as the configuration or the plugin that made it says; of an unknown key, nothing is limited. */
  of(keyId: string): KeyLimit;
  /** Completes what is known of a key with what the taps of `describeKey` say. Rejects as they do. */
  describe(keyId: string, known: KeyDescription): Promise<KeyDescription>;
  /**
   * Says what the keys of the plugin may do. `limitsOf` answers undefined for other keys; it is called often, also for
   * turns that a plugin starts for a key, and must be quick. Configured keys are never asked about. The returned
   * function takes it back: pass it to `onDispose`.
   */
  limit(limitsOf: (keyId: string) => KeyLimit | undefined): () => void;
}
