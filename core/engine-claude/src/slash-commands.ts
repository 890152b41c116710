import type { SlashCommand } from "@anthropic-ai/claude-agent-sdk";

/** The first word of a slash command, without the slash; undefined if the text is not one. */
export function wordOf(text: string): string | undefined {
  return /^\/([^\s/]\S*)/.exec(text)?.[1];
}

/** The command that a word runs: one of this name, before one that has it as an alias. */
export function commandOf(word: string, commands: readonly SlashCommand[]): SlashCommand | undefined {
  const named = commands.filter(({ name }) => name === word);
  return (
    named.find(({ builtin }) => builtin === true) ??
    named[0] ??
    commands.find(({ aliases = [] }) => aliases.includes(word))
  );
}

/**
 * The CLI's own commands that a prompt may run with the bypass off: they concern one session, or only prompt the model.
 * Others change the user's settings (`/config`), write files (`/heapdump`) or read other sessions (`/insights`), all
 * without asking. A command that a later CLI adds is not sent until it is listed here.
 */
const OWN_COMMANDS: ReadonlySet<string> = new Set([
  ...[
    "autocompact",
    "clear",
    "compact",
    "context",
    "effort",
    "fast",
    "goal",
    "model",
    "recap",
    "rename",
    "usage",
  ],
  ...["batch", "claude-api", "code-review", "dataviz", "debug", "deep-research", "init", "loop", "run"],
  ...[
    "plugin-authoring",
    "run-skill-generator",
    "security-review",
    "simplify",
    "verify",
    "workflow-authoring",
  ],
]);

export function isSendable({ name, builtin }: SlashCommand): boolean {
  return builtin !== true || OWN_COMMANDS.has(name);
}

/**
 * The text of a command, with an invisible character (U+2060) after each `@`: the CLI attaches the files that a command
 * mentions without asking, and those that may be read have been attached already.
 */
export function withoutMentions(text: string): string {
  return text.replaceAll("@", "@\u2060");
}
