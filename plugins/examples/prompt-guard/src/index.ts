import { definePlugin, Refusal } from "@claudeway/core";
import configSchema from "../config.schema.json" with { type: "json" };

/** The `[plugins.prompt_guard]` section, validated, with defaults. */
export interface PromptGuardConfig {
  readonly max_chars: number;
  readonly rules: readonly { readonly pattern: string; readonly reason: string }[];
}

/** An interceptor: refuses prompts before they cost anything. */
export default definePlugin<PromptGuardConfig>({
  name: "prompt_guard",
  apiVersion: 1,
  configSchema,
  apply(kernel, { max_chars, rules }) {
    const compiled = rules.map(({ pattern, reason }) => ({ pattern: new RegExp(pattern, "iu"), reason }));
    kernel.hooks.beforeExecute.tap("guard", ({ prompt }, turn) => {
      if (prompt.length > max_chars) {
        throw new Refusal(413, `the prompt must be at most ${max_chars} characters, got ${prompt.length}`);
      }
      const broken = compiled.find(({ pattern }) => pattern.test(prompt));
      if (broken === undefined) return;
      kernel.log.info({ turn: turn.id, key: turn.keyId, pattern: broken.pattern.source }, "refused a prompt");
      throw new Refusal(403, broken.reason);
    });
  },
});
