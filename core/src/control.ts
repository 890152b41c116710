import { createHmac } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { ConfigError, type KnownSecrets, type LoadedConfig } from "@claudeway/config";
import type {
  GatewayControl,
  GatewayPaths,
  Kernel,
  ListenAddress,
  Load,
  PluginSelection,
  PluginSource,
  ReloadReport,
} from "@claudeway/kernel";
import type { Cluster, Engine } from "@claudeway/ports";
import { openapiDocument } from "@claudeway/schemas/openapi";
import type { Logger } from "pino";
import type { Gateway } from "./gateway.js";

export interface ControlParts {
  readonly version: string;
  readonly loaded: LoadedConfig;
  readonly kernel: Kernel;
  readonly gateway: Gateway;
  readonly engine: Engine;
  /** Reloads the configuration, with the same flags and variables. Throws a ConfigError. */
  readonly read: () => LoadedConfig;
  /** The plugins that a configuration enables. */
  readonly selection: (loaded: LoadedConfig) => PluginSelection;
  readonly secrets: KnownSecrets;
  readonly log: Logger;
  readonly cluster: Cluster | undefined;
  /** Shows the operator the public URL. */
  readonly showPublicUrl?: (url: string) => void;
}

/** The `control` service for plugins. */
export class Control implements GatewayControl {
  #loaded: LoadedConfig;
  #publicUrl: string | undefined;

  constructor(private readonly parts: ControlParts) {
    this.#loaded = parts.loaded;
  }

  get version(): string {
    return this.parts.version;
  }

  get logDir(): string {
    return this.parts.loaded.config.log_dir;
  }

  get paths(): GatewayPaths {
    return pathsOf(this.parts.loaded);
  }

  plugins() {
    return this.parts.kernel.status();
  }

  pages() {
    return this.parts.kernel.pages;
  }

  available() {
    return this.parts.kernel.available();
  }

  descriptions() {
    return this.parts.kernel.descriptions();
  }

  async enable(source: PluginSource, sections = this.#loaded.pluginSections): Promise<void> {
    await this.parts.kernel.enable({ plugins: [source], sections });
    await this.#pluginsChanged();
  }

  async disable(name: string): Promise<void> {
    await this.parts.kernel.disable(name);
    await this.#pluginsChanged();
  }

  async reload(): Promise<ReloadReport> {
    const loaded = this.parts.read();
    // Without a file every plugin would be disabled, approvals too, which is unlikely to be wanted.
    if (this.#loaded.file !== undefined && loaded.file === undefined) {
      throw new ConfigError(`${this.#loaded.file} is missing; plugins are unchanged`);
    }
    this.parts.secrets.add(loaded);
    const { failed, ...report } = await this.parts.kernel.change(this.parts.selection(loaded));
    this.#loaded = loaded;
    this.parts.cluster?.reloaded(loaded);
    this.#warnOfRestart(loaded);
    await this.#pluginsChanged();
    return { ...report, failed: failed.map(({ message }) => message) };
  }

  /** Processes and the login that was found are those of the earlier spawn plan. */
  async #pluginsChanged(): Promise<void> {
    this.parts.gateway.services.login.forget();
    await this.parts.engine.retire();
  }

  #warnOfRestart(loaded: LoadedConfig): void {
    const changed = changedSettings(this.parts.loaded, loaded);
    if (changed.length === 0) return;
    this.parts.log.warn(
      `the configuration was reloaded; restart the gateway to apply changes of: ${changed.join(", ")}`,
    );
  }

  get queue() {
    const { max_running: maxRunning, max_queued: maxQueued } = this.parts.loaded.config.engine;
    return { maxRunning, maxQueued };
  }

  load(): Load {
    return { ...this.parts.gateway.load(), processes: this.parts.engine.processes };
  }

  async nodes() {
    return this.parts.cluster?.view();
  }

  async drain(node: string, draining: boolean): Promise<void> {
    const { cluster } = this.parts;
    if (cluster === undefined) throw new Error("the gateway is not a node of a cluster");
    if (node !== cluster.node)
      throw new Error(
        `drain: the node must be ${cluster.node}, which was asked, got ${JSON.stringify(node)}`,
      );
    cluster.drain(draining);
  }

  openapi() {
    const { version, kernel } = this.parts;
    return openapiDocument({ version, mounts: kernel.routes.list(), fields: kernel.requestFields.list() });
  }

  authenticate(secret: string) {
    return this.parts.gateway.services.keyring.find(secret);
  }

  keys() {
    const { keys, generated } = this.parts.loaded;
    return keys.map(({ id, secret }) => ({
      id,
      generated,
      secretLength: secret.length,
      fingerprint: fingerprintOf(secret),
    }));
  }

  models() {
    return this.parts.gateway.services.models.list();
  }

  commands() {
    return this.parts.gateway.services.commands.list();
  }

  announcePublicUrl(url: string | undefined): void {
    if (url === this.#publicUrl) return;
    this.#publicUrl = url;
    this.parts.log.info(
      url === undefined ? "the public address is no longer available" : `public address: ${url}`,
    );
    if (url !== undefined) this.parts.showPublicUrl?.(url);
    this.parts.kernel.notify("publicUrl", url);
  }

  publicUrl(): string | undefined {
    return this.#publicUrl;
  }

  address(): ListenAddress | undefined {
    return this.parts.gateway.address;
  }
}

function fingerprintOf(secret: string): string {
  return createHmac("sha256", secret).update("fingerprint of a key").digest("base64url");
}

/** The names of the settings that differ between two configurations, apart from plugins. */
function changedSettings(before: LoadedConfig, after: LoadedConfig): string[] {
  const [one, other] = [settingsOf(before), settingsOf(after)];
  return Object.keys({ ...one, ...other }).filter((name) => !isDeepStrictEqual(one[name], other[name]));
}

function settingsOf({ config, keys, keyLimits, generated }: LoadedConfig): Record<string, unknown> {
  // A gateway without a configured key generates a new one each time.
  return { ...config, keys: { given: generated ? [] : keys, keyLimits } };
}

/** The gateway's own folders, for plugins. */
export function pathsOf({ config, file }: LoadedConfig): GatewayPaths {
  const { data_dir: dataDir, workdir: workdirs, engine } = config;
  return { configFile: file, dataDir, workdirs, configDirs: engine.config_dirs };
}

/** The plugins that the configuration enables. */
export function selectionOf(loaded: LoadedConfig): PluginSelection {
  const { plugins, disabledPlugins, pluginSections, pluginNames } = loaded;
  return { plugins, disabled: disabledPlugins, sections: pluginSections, names: pluginNames };
}
