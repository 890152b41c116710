import type { Approval } from "@claudeway/core";
import telegram, { type TelegramConfig } from "@claudeway/plugin-telegram";
import { eventually } from "../../e2e/poll.js";
import { createKernel, type TestKernel } from "../../kernel/kit.js";
import { memoryStore } from "../memory-store.js";
import { approvalOf, fakeOffers } from "../offers.js";
import { BotApiServer, CHAT_ID, type Shown, TOKEN } from "./bot-api.js";
import { MemoryApprovals, offersOf, ScriptedTurns } from "./scripted-turns.js";

export const EDIT_MS = 60;

/** The plugin in its own kernel, with turns and approvals in memory, and a fake Bot API. */
export class TestBot {
  running: TestKernel = createKernel();
  readonly turns = new ScriptedTurns();
  readonly approvalService = new MemoryApprovals();
  store = memoryStore();
  readonly #offers = fakeOffers(
    Object.assign(offersOf(this.turns, this.approvalService), { store: () => this.store }),
  );

  private constructor(readonly api: BotApiServer) {}

  static async start(
    config: Partial<TelegramConfig> = {},
    prepare: (bot: TestBot) => void = () => undefined,
  ): Promise<TestBot> {
    const bot = new TestBot(await BotApiServer.start());
    prepare(bot);
    await bot.launch(config);
    return bot;
  }

  /** Starts it, or restarts it with its saved state. */
  async launch(config: Partial<TelegramConfig> = {}): Promise<void> {
    this.running = createKernel({ limits: { applyMs: 5000, tapMs: 5000, disposeMs: 5000 } });
    this.approvalService.decided = (approval) => this.running.kernel.notify("approvalDecided", approval);
    this.running.kernel.offer(this.#offers);
    const section = {
      bot_token: TOKEN,
      chat_id: String(CHAT_ID),
      api_root: this.api.url + this.api.root,
      edit_interval_ms: EDIT_MS,
      poll_timeout_secs: 2,
      // A message that is sent again after a timeout may appear twice: only tests of hangs set a short one.
      request_timeout_secs: 15,
      ...config,
    };
    await this.running.kernel.enable({ plugins: [telegram], sections: { telegram: section } });
  }

  /** Resolves when it polls. */
  async ready(): Promise<this> {
    await eventually("a poll", () => this.api.polled);
    return this;
  }

  async stop(): Promise<void> {
    await this.running.kernel.close();
  }

  async dispose(): Promise<void> {
    await this.stop();
    await this.api.close();
  }

  /** Resolves when the ledger has so many entries of a kind: "card", "waiting". */
  async stored(kind: string, count: number): Promise<void> {
    await eventually(`${count} entries of ${kind}`, async () => {
      const { entries } = await this.store.list("");
      return entries.filter(({ key }) => key.includes(`/${kind}/`)).length === count;
    });
  }

  /** A visible message that contains this text. */
  shows(part: string, ms?: number): Promise<Shown> {
    return eventually(`a message with ${JSON.stringify(part)}`, () => this.api.find(part), ms);
  }

  /** Makes a call wait for a decision. */
  ask(more: Partial<Approval> = {}): Approval {
    const approval = approvalOf(more);
    this.approvalService.approvals.set(approval.id, approval);
    this.running.kernel.notify("approvalRequested", approval);
    return approval;
  }

  get notices(): readonly string[] {
    return this.running.kernel.status()[0]?.notices ?? [];
  }

  /** Messages of the log at `warn` and above. */
  get complaints(): string[] {
    return this.running.complaints();
  }
}
