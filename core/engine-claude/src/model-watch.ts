import type { HookCallback, Options } from "@anthropic-ai/claude-agent-sdk";

/** Detects `/model`, after which a process runs another model than it was started with. */
export class ModelWatch {
  #model: string | undefined;
  #notify: ((model: string) => void) | undefined;

  /** The model that the user chose in this process; undefined if it is the initial one. */
  get model(): string | undefined {
    return this.#model;
  }

  /** The process was given another model since. */
  forget(): void {
    this.#model = undefined;
  }

  /** Sets the callback for the next choice. */
  serve(notify: (model: string) => void): void {
    this.#notify = notify;
  }

  hooks(): NonNullable<Options["hooks"]> {
    return { PostModelSwitch: [{ hooks: [this.#hook] }] };
  }

  readonly #hook: HookCallback = async (input) => {
    // What the CLI changes by itself (a fallback, say) is not the user's choice.
    if (input.hook_event_name !== "PostModelSwitch" || input.source !== "command") return {};
    // As it was requested; null means "default".
    this.#model = input.requested_model ?? "default";
    this.#notify?.(this.#model);
    return {};
  };
}
