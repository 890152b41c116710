import type { PermissionMode, Query } from "@anthropic-ai/claude-agent-sdk";
import type { Effort, EngineTurn, TurnOptions } from "@claudeway/ports";
import type { McpServers } from "@claudeway/schemas";
import type { ModelWatch } from "./model-watch.js";
import { ownModeOf, serversOf } from "./options.js";

/** What the CLI accepts while it runs; everything else that a turn may ask for needs another process. */
export interface LiveSettings {
  readonly model: string;
  readonly effort: Effort | undefined;
  /** The turn asked for plan mode. */
  readonly plan: boolean;
  readonly mcpServers: McpServers;
}

/** The options that can't change on a live process. */
export type FixedOptions = Omit<TurnOptions, "effort" | "permissionMode" | "mcpServers" | "pluginFields">;

export function fixedOptions(options: TurnOptions): FixedOptions {
  const { effort: _effort, permissionMode: _mode, mcpServers: _servers, pluginFields: _, ...fixed } = options;
  return fixed;
}

export function liveSettings(model: string, options: TurnOptions): LiveSettings {
  const { effort, permissionMode, mcpServers = {} } = options;
  return { model, effort, plan: permissionMode === "plan", mcpServers };
}

/** The part of the SDK's query that changes a running CLI. */
export type LiveCli = Pick<Query, "setModel" | "setPermissionMode" | "setMcpServers" | "applyFlagSettings">;

/** Makes one change; rejects if the CLI refuses it or does not answer. */
type Change = (change: (cli: LiveCli) => Promise<unknown>) => Promise<unknown>;

/** The settings that a process has at the moment. */
export class ProcessSettings {
  /** True once `setMcpServers` has named the servers that the process was started with: until then they can't be removed. */
  #named = false;

  constructor(
    private now: LiveSettings,
    private readonly models: ModelWatch,
  ) {}

  /** False: the CLI can't go back to the effort that the user's settings or the model say. */
  canBecome({ effort }: LiveSettings): boolean {
    return effort !== undefined || this.now.effort === undefined;
  }

  /** Gives the process what a turn asks for. */
  async become(wanted: LiveSettings, turn: EngineTurn, change: Change): Promise<void> {
    const { model, effort, plan, mcpServers } = wanted;
    if (model !== (this.models.model ?? this.now.model)) {
      await change((cli) => cli.setModel(model));
      this.models.forget();
      this.now = { ...this.now, model };
    }
    if (effort !== undefined && effort !== this.now.effort) {
      await change((cli) => cli.applyFlagSettings({ effortLevel: effort }));
      this.now = { ...this.now, effort };
    }
    // A person may have ended the mode during the last turn, so the requested mode is not reliable.
    if (plan || this.now.plan) await this.#setMode(plan ? "plan" : ownModeOf(turn), change);
    this.now = { ...this.now, plan };
    if (!isSame(mcpServers, this.now.mcpServers)) await this.#setServers(mcpServers, change);
  }

  async #setMode(mode: PermissionMode, change: Change): Promise<void> {
    await change(async (cli) => {
      const answer = await cli.setPermissionMode(mode);
      if (answer !== undefined && answer.mode !== mode)
        throw new Error(`the CLI stays in ${answer.mode} mode`);
    });
  }

  async #setServers(mcpServers: McpServers, change: Change): Promise<void> {
    const { mcpServers: before } = this.now;
    if (!this.#named && Object.keys(before).length > 0)
      await change((cli) => cli.setMcpServers(serversOf(before)));
    this.#named = true;
    await change((cli) => cli.setMcpServers(serversOf(mcpServers)));
    this.now = { ...this.now, mcpServers };
  }
}

function isSame(one: McpServers, other: McpServers): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
