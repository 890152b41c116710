import { expect } from "chai";
import { choosePosture, postureNow } from "../../core/dist/posture.js";

describe("choosePosture", () => {
  it("is the bypass, unless it is switched off", () => {
    expect(choosePosture(false, {}, 1000).posture).to.equal("bypass");
    expect(choosePosture(true, {}, 1000).posture).to.equal("deny");
    expect(choosePosture(true, { IS_SANDBOX: "1" }, 0).posture).to.equal("deny");
  });

  it("to root it is the bypass only where IS_SANDBOX is exactly 1, and else says what to do", () => {
    expect(choosePosture(false, { IS_SANDBOX: "1" }, 0).posture).to.equal("bypass");
    for (const value of [undefined, "", "0", "true", "01"]) {
      const { posture, line } = choosePosture(false, { IS_SANDBOX: value }, 0);
      expect(posture, String(value)).to.equal("deny");
      expect(line).to.include("Run as another user, or set IS_SANDBOX=1");
    }
  });

  it("is told in one line", () => {
    for (const choice of [
      choosePosture(true, {}, 1),
      choosePosture(false, {}, 1),
      choosePosture(false, {}, 0),
    ]) {
      expect(choice.line).to.match(/^[a-z][^\n]+\.\)?$|^[a-z][^\n]+\)\.$/);
    }
  });
});

describe("postureNow", () => {
  const chosen = choosePosture(false, {}, 1000);

  it("is what was chosen while no plugin has had a say", () => {
    expect(postureNow(chosen, { approving: "never" })).to.equal("bypass");
  });

  it("asks while a plugin has a say, and never falls back to the bypass after it", () => {
    expect(postureNow(chosen, { approving: "now" })).to.equal("ask");
    expect(postureNow(chosen, { approving: "before" })).to.equal("deny");
  });
});
