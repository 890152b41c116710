import type { DealtUsage, ScriptedModel } from "@claudeway/plugin-demo/model";
import type { TurnUsage } from "@claudeway/ports";
import { expect } from "chai";
import { priceOf, sumOfDealt } from "../e2e/dealt.js";

/** Counts what the model dealt between two looks. */
export class Meter {
  #seen = 0;

  constructor(private readonly model: ScriptedModel) {}

  /** What was dealt since the last look. */
  since(): readonly DealtUsage[] {
    const dealt = this.model.dealt();
    const fresh = dealt.slice(this.#seen);
    this.#seen = dealt.length;
    return fresh;
  }

  /** A turn must have cost exactly what was dealt since the last look. */
  expectCost({ costUsd, tokens }: TurnUsage): void {
    const dealt = sumOfDealt(this.since());
    expect(tokens).to.deep.equal(dealt);
    expect(costUsd).to.be.closeTo(priceOf(dealt), 1e-9);
  }
}
