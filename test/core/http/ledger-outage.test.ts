import { CommitInDoubt, LedgerError, toGatewayError } from "@claudeway/ports";
import { expect } from "chai";

describe("a fault of the ledger, as clients see it", () => {
  it("is UNAVAILABLE with Retry-After if it may pass, without what the operator is told", () => {
    const error = toGatewayError(
      new LedgerError("ledger db.example.org:5432/claudeway cannot be reached", {}, true),
    );
    expect(error).to.include({ code: "UNAVAILABLE", status: 503, message: "the ledger does not answer" });
    expect(error?.options).to.deep.equal({
      headers: { "retry-after": "5" },
      details: { reason: "ledger_unavailable" },
    });
  });

  it("is UNAVAILABLE too if it is unknown whether a write took place", () => {
    expect(toGatewayError(new CommitInDoubt("ledger: unknown"))).to.include({ code: "UNAVAILABLE" });
  });

  it("is a defect if it can't pass", () => {
    expect(toGatewayError(new LedgerError("ledger: unknown session x"))).to.equal(undefined);
  });
});
