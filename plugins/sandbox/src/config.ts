/** The `[plugins.sandbox]` section, validated, with defaults. */
export interface SandboxConfig extends Folders {
  readonly required: boolean;
  readonly pass_env: readonly string[];
  readonly tmp_mb: number;
  readonly network: "host" | "proxy";
  readonly memory_mb: number;
  readonly processes: number;
  readonly file_mb: number;
  readonly disk_mb: number;
  readonly cpu_secs: number;
  readonly cpus: number;
  readonly keys: Readonly<Record<string, Folders>>;
}

/** What the CLI sees and reaches besides its own. */
export interface Folders {
  readonly read_only: readonly string[];
  readonly read_write: readonly string[];
  /** Hosts that it may reach with `network: "proxy"`. */
  readonly domains: readonly string[];
}

/** The folders of a key: those of all keys, and its own. */
export function foldersOf(
  config: SandboxConfig,
  keyId: string | undefined,
): Pick<Folders, "read_only" | "read_write"> {
  const own = ownOf(config, keyId);
  return {
    read_only: [...config.read_only, ...(own?.read_only ?? [])],
    read_write: [...config.read_write, ...(own?.read_write ?? [])],
  };
}

/** The hosts of a key: those of all keys, and its own. */
export function domainsOf(config: SandboxConfig, keyId: string | undefined): readonly string[] {
  return [...config.domains, ...(ownOf(config, keyId)?.domains ?? [])];
}

function ownOf({ keys }: SandboxConfig, keyId: string | undefined): Folders | undefined {
  return keyId !== undefined && Object.hasOwn(keys, keyId) ? keys[keyId] : undefined;
}
