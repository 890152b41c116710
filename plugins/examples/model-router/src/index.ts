import { definePlugin, type TurnInfo, type TurnPlan } from "@claudeway/core";
import configSchema from "../config.schema.json" with { type: "json" };

/** An entry of `[[plugins.model_router.routes]]`: the model for turns that match all conditions. */
export interface Route {
  readonly model: string;
  readonly asked_for?: string;
  readonly key_ids?: readonly string[];
  readonly longer_than?: number;
  readonly max_budget_usd?: number;
}

/** The `[plugins.model_router]` section, validated. */
export interface ModelRouterConfig {
  readonly routes: readonly Route[];
}

/** Waterfall: the returned plan is the turn that runs; taps of later plugins can still change it. */
export default definePlugin<ModelRouterConfig>({
  name: "model_router",
  apiVersion: 1,
  configSchema,
  apply(kernel, { routes }) {
    kernel.hooks.beforeExecute.tap("route", (plan, turn) => {
      const route = routes.find((one) => fits(one, plan, turn));
      if (route === undefined) return undefined;
      const { model, max_budget_usd: maxBudgetUsd = plan.maxBudgetUsd } = route;
      if (model !== plan.model) kernel.log.debug({ turn: turn.id, from: plan.model, to: model }, "routed");
      return { ...plan, model, maxBudgetUsd };
    });
  },
});

function fits({ asked_for, key_ids, longer_than }: Route, plan: TurnPlan, turn: TurnInfo): boolean {
  return (
    (asked_for === undefined || asked_for === plan.model) &&
    (key_ids === undefined || key_ids.includes(turn.keyId)) &&
    (longer_than === undefined || plan.prompt.length > longer_than)
  );
}
