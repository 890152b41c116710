import { expect } from "chai";
import { approvalModeNow, chooseApprovalMode } from "#core/approval-mode.js";

describe("choosePosture", () => {
  it("is the bypass, unless it is switched off", () => {
    expect(chooseApprovalMode(false, {}, 1000).approvalMode).to.equal("bypass");
    expect(chooseApprovalMode(true, {}, 1000).approvalMode).to.equal("deny");
    expect(chooseApprovalMode(true, { IS_SANDBOX: "1" }, 0).approvalMode).to.equal("deny");
  });

  it("to root it is the bypass only where IS_SANDBOX is exactly 1, and else says what to do", () => {
    expect(chooseApprovalMode(false, { IS_SANDBOX: "1" }, 0).approvalMode).to.equal("bypass");
    for (const value of [undefined, "", "0", "true", "01"]) {
      const { approvalMode, line } = chooseApprovalMode(false, { IS_SANDBOX: value }, 0);
      expect(approvalMode, String(value)).to.equal("deny");
      expect(line).to.include("Run as another user, or set IS_SANDBOX=1");
    }
  });

  it("is told in one line", () => {
    for (const choice of [
      chooseApprovalMode(true, {}, 1),
      chooseApprovalMode(false, {}, 1),
      chooseApprovalMode(false, {}, 0),
    ]) {
      expect(choice.line).to.match(/^[a-z][^\n]+\.\)?$|^[a-z][^\n]+\)\.$/);
    }
  });
});

describe("postureNow", () => {
  const chosen = chooseApprovalMode(false, {}, 1000);

  it("is what was chosen while no plugin has had a say", () => {
    expect(approvalModeNow(chosen, { approving: "never" })).to.equal("bypass");
  });

  it("asks while a plugin has a say, and never falls back to the bypass after it", () => {
    expect(approvalModeNow(chosen, { approving: "now" })).to.equal("ask");
    expect(approvalModeNow(chosen, { approving: "before" })).to.equal("deny");
  });
});
