import { expect } from "chai";
import { stillThere } from "#engine-claude/adopted.js";

/** Processes with these pids, all started at 1. */
const started = (...pids: number[]) => pids.map((pid) => ({ pid, startTime: 1 }));

/** What of `known` is still there, by pid; `restarted` have passed to other processes. */
function pidsOf(known: number[], now: number[], restarted: number[] = []): number[] {
  const startTime = (pid: number) => (restarted.includes(pid) ? 2 : 1);
  return stillThere(started(...known), now, startTime).map(({ pid }) => pid);
}

describe("a list of adopted processes", () => {
  it("begins with the known ones, without ended ones", () => {
    expect(pidsOf([1, 2, 3, 4], [1, 2, 3, 4])).to.deep.equal([1, 2, 3, 4]);
    expect(pidsOf([1, 2, 3, 4], [2, 4, 5])).to.deep.equal([2, 4]);
    expect(pidsOf([], [7, 8])).to.deep.equal([]);
    expect(pidsOf([1, 2], [])).to.deep.equal([]);
  });

  it("treats a known pid after a new one as a new process", () => {
    expect(pidsOf([1, 2, 3], [1, 3, 2])).to.deep.equal([1, 3]);
    expect(pidsOf([1, 2, 3], [1, 9, 3])).to.deep.equal([1]);
  });

  it("treats the last ones as new if their pids were reused", () => {
    expect(pidsOf([1, 2, 3], [1, 2, 3], [3])).to.deep.equal([1, 2]);
    expect(pidsOf([1, 2, 3], [1, 2, 3], [2, 3])).to.deep.equal([1]);
  });

  it("asks for one start time, however many there are", () => {
    let asked = 0;
    const many = Array.from({ length: 3000 }, (_, index) => index + 2);
    stillThere(started(...many), many, () => {
      asked++;
      return 1;
    });
    expect(asked).to.equal(1);
  });
});
