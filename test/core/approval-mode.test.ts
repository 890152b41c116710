import { expect } from "chai";
import { approvalModeNow, chooseApprovalMode } from "#core/approval-mode.js";

describe("chooseApprovalMode", () => {
  it("is the bypass by default", () => {
    expect(chooseApprovalMode(false, {}, 1000).approvalMode).to.equal("bypass");
    expect(chooseApprovalMode(true, {}, 1000).approvalMode).to.equal("deny");
    expect(chooseApprovalMode(true, { IS_SANDBOX: "1" }, 0).approvalMode).to.equal("deny");
  });

  it("is the bypass for root only if IS_SANDBOX is exactly 1, and else has a remedy", () => {
    expect(chooseApprovalMode(false, { IS_SANDBOX: "1" }, 0).approvalMode).to.equal("bypass");
    for (const value of [undefined, "", "0", "true", "01"]) {
      const { approvalMode, line } = chooseApprovalMode(false, { IS_SANDBOX: value }, 0);
      expect(approvalMode, String(value)).to.equal("deny");
      expect(line).to.include("Run as another user, or set IS_SANDBOX=1");
    }
  });

  it("has a description in one line", () => {
    for (const choice of [
      chooseApprovalMode(true, {}, 1),
      chooseApprovalMode(false, {}, 1),
      chooseApprovalMode(false, {}, 0),
    ]) {
      expect(choice.line).to.match(/^[a-z][^\n]+\.\)?$|^[a-z][^\n]+\)\.$/);
    }
  });
});

describe("approvalModeNow", () => {
  const chosen = chooseApprovalMode(false, {}, 1000);

  it("is the configured mode while no plugin taps approve", () => {
    expect(approvalModeNow(chosen, { approving: "never" })).to.equal("bypass");
  });

  it("is ask while a plugin taps approve, and never the bypass afterwards", () => {
    expect(approvalModeNow(chosen, { approving: "now" })).to.equal("ask");
    expect(approvalModeNow(chosen, { approving: "before" })).to.equal("deny");
  });
});
