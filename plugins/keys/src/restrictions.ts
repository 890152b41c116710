import { Refusal, type TurnPlan } from "@claudeway/core";
import type { KeySettings } from "./fields.js";

/**
 * Throws a `Refusal` (403) where a turn asks for a model or a permission mode that its key may not use, or would use it
 * because it asks for nothing.
 */
export function checkPlan(plan: TurnPlan, { models, permission_modes: modes }: KeySettings): void {
  if (models !== undefined) {
    const refused = modelsOf(plan).find((model) => !models.some((allowed) => isMeant(model, allowed)));
    if (refused !== undefined) throw refusal("model", refused, models);
  }
  const mode = plan.options?.permissionMode ?? "default";
  if (modes !== undefined && !modes.some((allowed) => allowed === mode))
    throw refusal("permission_mode", mode, modes);
}

/** Every model that the turn names: its own, those that it falls back to, those of its agents, and that of `/model`. */
function modelsOf(plan: TurnPlan): string[] {
  const { model, options = {} } = plan;
  const { fallbackModel = "", agents = {} } = options;
  const fallbacks = fallbackModel.split(",").map((name) => name.trim());
  const ofAgents = Object.values(agents).flatMap(({ model: own }) => own ?? []);
  const chosen = chosenModel(plan);
  return [
    model,
    ...[...fallbacks, ...ofAgents, ...chosen].filter((name) => name !== "" && name !== "inherit"),
  ];
}

/** The model that a prompt chooses for its session with a command. The CLI looks for one in the last block only. */
function chosenModel({ prompt, content, verbatim }: TurnPlan): string[] {
  if (verbatim) return [];
  const last = content === undefined ? { type: "text" as const, text: prompt } : content.at(-1);
  const named = last?.type === "text" ? /^\s*\/model\s+(\S.*)/is.exec(last.text)?.[1] : undefined;
  return named === undefined ? [] : [named.trim()];
}

function isMeant(model: string, allowed: string): boolean {
  return allowed.endsWith("*") ? model.startsWith(allowed.slice(0, -1)) : model === allowed;
}

function refusal(what: string, got: string, allowed: readonly string[]): Refusal {
  const names = allowed.join(", ");
  return new Refusal(
    403,
    `${what} must be one that this key may use (${names}), got ${JSON.stringify(got)}`,
    {
      details: { [what]: got, allowed: [...allowed] },
    },
  );
}
