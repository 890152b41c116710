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

/** Every model that the turn names: its own, those that it falls back to, and those of its agents. */
function modelsOf({ model, options = {} }: TurnPlan): string[] {
  const { fallbackModel = "", agents = {} } = options;
  const fallbacks = fallbackModel.split(",").map((name) => name.trim());
  const ofAgents = Object.values(agents).flatMap(({ model: own }) => own ?? []);
  return [model, ...[...fallbacks, ...ofAgents].filter((name) => name !== "" && name !== "inherit")];
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
