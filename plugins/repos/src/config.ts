/** The `[plugins.repos]` section, validated, with defaults. */
export interface ReposConfig {
  readonly repos_dir: string;
  readonly hosts: readonly string[];
  readonly schemes: readonly Scheme[];
  readonly credentials: readonly Credential[];
  readonly depth: number;
  readonly max_repos: number;
  readonly max_mb: number;
  readonly submodules: boolean;
  readonly max_submodules: number;
  readonly max_submodule_depth: number;
  readonly max_syncs: number;
  readonly timeout_secs: number;
}

export type Scheme = "https" | "ssh" | "http";

/** How the gateway logs in at a host: with a password, or with an ssh key. */
export interface Credential {
  readonly host: string;
  /** The ids of the keys that may use it; undefined: all. */
  readonly keys?: readonly string[];
  readonly username: string;
  readonly password?: string;
  readonly ssh_key?: string;
  readonly known_hosts?: string;
}
