/** The `[plugins.sandbox]` section, validated, with defaults. */
export interface SandboxConfig extends Folders {
  readonly required: boolean;
  readonly pass_env: readonly string[];
  readonly tmp_mb: number;
  readonly memory_mb: number;
  readonly processes: number;
  readonly file_mb: number;
  readonly cpu_secs: number;
  readonly keys: Readonly<Record<string, Folders>>;
}

/** Folders that the CLI sees besides its own. */
export interface Folders {
  readonly read_only: readonly string[];
  readonly read_write: readonly string[];
}

/** The folders of a key: those of all keys, and its own. */
export function foldersOf(config: SandboxConfig, keyId: string | undefined): Folders {
  const own = keyId !== undefined && Object.hasOwn(config.keys, keyId) ? config.keys[keyId] : undefined;
  return {
    read_only: [...config.read_only, ...(own?.read_only ?? [])],
    read_write: [...config.read_write, ...(own?.read_write ?? [])],
  };
}
