import type { Approval } from "@claudeway/core";
import slack, { type SlackConfig } from "@claudeway/plugin-slack";
import type { PluginServices } from "#kernel/capabilities.js";
import { eventually } from "../../e2e/poll.js";
import { createKernel, type TestKernel } from "../../kernel/kit.js";
import { memoryStore } from "../memory-store.js";
import { approvalOf, fakeOffers } from "../offers.js";
import { MemoryApprovals, offersOf, ScriptedTurns } from "../telegram/scripted-turns.js";
import { APP_TOKEN, BOT_TOKEN, CHANNEL, FakeSlack, type Shown } from "./fake-slack.js";

export const EDIT_MS = 60;

/** What the plugin needs, in memory. */
export function servicesOf(turns = new ScriptedTurns(), approvalService = new MemoryApprovals()) {
  const control = { publicUrl: () => undefined } as PluginServices["control"];
  return { ...offersOf(turns, approvalService), control };
}

/** The plugin in its own kernel, with turns and approvals in memory, and a fake Slack. */
export class SlackBot {
  running: TestKernel = createKernel();
  readonly turns = new ScriptedTurns();
  readonly approvalService = new MemoryApprovals();
  readonly store = memoryStore();
  readonly #offers = fakeOffers({
    ...servicesOf(this.turns, this.approvalService),
    store: () => this.store,
  });

  private constructor(readonly slack: FakeSlack) {}

  static async start(
    config: Partial<SlackConfig> = {},
    prepare: (bot: SlackBot) => void = () => undefined,
  ): Promise<SlackBot> {
    const bot = new SlackBot(await FakeSlack.start());
    prepare(bot);
    await bot.launch(config);
    return bot;
  }

  /** Starts it, or restarts it with its saved state. */
  async launch(config: Partial<SlackConfig> = {}): Promise<void> {
    this.running = createKernel({ limits: { applyMs: 5000, tapMs: 5000, disposeMs: 5000 } });
    this.approvalService.decided = (approval) => this.running.kernel.notify("approvalDecided", approval);
    this.running.kernel.offer(this.#offers);
    const section = {
      bot_token: BOT_TOKEN,
      app_token: APP_TOKEN,
      channels: [CHANNEL],
      api_root: this.slack.url,
      edit_interval_ms: EDIT_MS,
      interval_ms: 30,
      timeout_secs: 15,
      ...config,
    };
    await this.running.kernel.enable({ plugins: [slack], sections: { slack: section } });
  }

  /** Resolves when it is connected. */
  async ready(): Promise<this> {
    await eventually("a connection", () => this.slack.connected);
    return this;
  }

  async stop(): Promise<void> {
    await this.running.kernel.close();
  }

  async dispose(): Promise<void> {
    await this.stop();
    await this.slack.close();
  }

  shows(part: string, ms?: number): Promise<Shown> {
    return eventually(`a message with ${JSON.stringify(part)}`, () => this.slack.find(part), ms);
  }

  /** Makes a call wait for a decision. */
  ask(more: Partial<Approval> = {}): Approval {
    const approval = approvalOf(more);
    this.approvalService.approvals.set(approval.id, approval);
    this.running.kernel.notify("approvalRequested", approval);
    return approval;
  }

  /** Resolves when everything that Slack delivered is acknowledged. */
  async acknowledged(): Promise<void> {
    await eventually("all acknowledgements", () => this.slack.unacknowledged === 0);
  }

  get notices(): readonly string[] {
    return this.running.kernel.status()[0]?.notices ?? [];
  }

  get complaints(): string[] {
    return this.running.complaints();
  }
}
