import type { HookCallback, Options } from "@anthropic-ai/claude-agent-sdk";

/** Hears of `/model`: a process goes on with another model then than it was started with. */
export class ModelWatch {
  #model: string | undefined;
  #tell: ((model: string) => void) | undefined;

  /** The model that the session's user has chosen in this process; undefined: the one that it was started with. */
  get model(): string | undefined {
    return this.#model;
  }

  /** Who is told of the next choice. */
  serve(tell: (model: string) => void): void {
    this.#tell = tell;
  }

  hooks(): NonNullable<Options["hooks"]> {
    return { PostModelSwitch: [{ hooks: [this.#hook] }] };
  }

  readonly #hook: HookCallback = async (input) => {
    // What the CLI changes by itself (a fallback, say) is not the user's choice.
    if (input.hook_event_name !== "PostModelSwitch" || input.source !== "command") return {};
    // As it was asked for; null stands for "default".
    this.#model = input.requested_model ?? "default";
    this.#tell?.(this.#model);
    return {};
  };
}
