import type { ModelTotals, SessionTotals, TotalsByModel } from "@claudeway/ports";
import { expect } from "chai";
import { Accounts, type TurnAccount } from "#engine-claude/accounts.js";
import { afterLoss } from "#engine-claude/bases.js";
import { DeliveredUsage } from "#engine-claude/delivered-usage.js";
import { Launcher } from "#engine-claude/launcher.js";
import { termsOf } from "#engine-claude/options.js";
import type { ClaudeProcess } from "#engine-claude/process.js";
import { onStage } from "./played.js";
import { PROGRAM, playing } from "./recorded-cli.js";

function row(input: number, output: number, costUsd: number | null = null): ModelTotals {
  return { input, output, cacheRead: 0, cacheWrite: 0, costUsd };
}

/** A turn that was delivered one message. */
function turnOf(input: number, state: "open" | "closed" | "whole", told: SessionTotals[] = []): TurnAccount {
  const delivered = new DeliveredUsage();
  if (input > 0) delivered.note(`${input}`, "sonnet", { input_tokens: input, output_tokens: 1 }, state);
  return { before: undefined, planMode: undefined, delivered, report: (totals) => void told.push(totals) };
}

describe("the accounts of a process", () => {
  /** Gives a process that says nothing. */
  function withProcess(act: (accounts: Accounts, child: ClaudeProcess) => Promise<void> | void) {
    return onStage([], async (stage) => {
      const launcher = new Launcher({ executable: PROGRAM, installation: "unit", query: playing([]) });
      const child = launcher.start(termsOf(stage.turn("one")), false);
      try {
        await act(new Accounts(), child);
      } finally {
        await child.end("now");
      }
    });
  }

  it("continue from the totals saved in the transcript", async () => {
    await withProcess((accounts, child) => {
      accounts.open(child, { sonnet: row(100, 10, 1) });
      const { used } = accounts.settle(child, { sonnet: row(105, 12, 1.5) }, turnOf(5, "closed"), undefined);
      expect(used).to.deep.equal({ sonnet: row(5, 2, 0.5) });
    });
  });

  it("forget what was ahead of the reports when the session is cleared", async () => {
    await withProcess((accounts, child) => {
      accounts.open(child, {});
      accounts.settle(child, {}, turnOf(10, "whole"), undefined);
      accounts.settle(child, {}, turnOf(0, "closed"), "another");
      const now: TotalsByModel = { sonnet: row(10, 3, 0.1) };
      const { used, unreported } = accounts.settle(child, now, turnOf(10, "open"), undefined);
      expect([used, unreported]).to.deep.equal([now, {}]);
    });
  });

  it("add the usage of a lost turn to the saved totals", async () => {
    await withProcess((accounts, child) => {
      const told: SessionTotals[] = [];
      accounts.open(child, { sonnet: row(100, 10, 1) });
      accounts.lose(child, turnOf(5, "closed", told));
      expect(told[0]?.bases).to.deep.equal([{ sonnet: row(105, 11) }, { sonnet: row(100, 10, 1) }]);
    });
  });

  it("report the session's starting totals only once", () => {
    const { bases } = afterLoss({ bases: [{}, { sonnet: row(1, 1) }] }, {});
    expect(bases).to.deep.equal([{}, { sonnet: row(1, 1) }]);
  });
});
