import { expect } from "chai";
import { AFTER, ALLOWED, BEFORE, Choices, ROUNDS, RULES, SEED } from "./compositions.js";
import { Folders, verdictOf } from "./folders.js";
import { RealBash } from "./real-bash.js";

const JOINTS = [" && ", " || ", "; ", " | ", "\n"];
const LETTERS = [..." \n\t;&|<>()$`'\"\\{}[]*?~!#^=-+,.:/%@abgdo xrun019é\u200b"];

describe("approval: random commands in bash", () => {
  const folders = new Folders();
  const bash = new RealBash(folders.path("bash"), ["good", "fine", "bad", "x", "a", "b", "e", "f"]);
  after(() => folders.remove());

  const verdict = (command: string, rules = RULES) => verdictOf(folders.call("Bash", { command }, rules));
  const shown = (command: string) => `${JSON.stringify(command)} (seed ${SEED})`;
  const isGood = (name: string) => name === "good" || name === "fine";

  it("records what runs in the sandbox", () => {
    expect(bash.run("good; bad").called).to.deep.equal(["good", "bad"]);
    expect(bash.run("alias good=bad\ngood").called).to.deep.equal(["bad"]);
    expect(bash.run("good $(bad)").called).to.have.members(["good", "bad"]);
    expect(bash.run("good > out").made).to.deep.equal(["out"]);
  });

  it("allows allowed commands, also in sequence", async () => {
    const choices = new Choices(SEED);
    for (let round = 0; round < 200; round++) {
      const command = choices.some(ALLOWED, 3, JOINTS) + choices.of(ALLOWED);
      expect(await verdict(command), shown(command)).to.equal("allow");
    }
  });

  it("asks with anything before or after an allowed command", async () => {
    for (const command of ALLOWED) {
      for (const more of AFTER)
        expect(await verdict(`${command} ${more}`), shown(`${command} ${more}`)).to.equal("ask");
      for (const more of BEFORE) expect(await verdict(more + command), shown(more + command)).to.equal("ask");
    }
  });

  it("asks for mixed commands unless everything that bash runs is allowed", async () => {
    const choices = new Choices(SEED + 1);
    const between = [...JOINTS, " "];
    for (let round = 0; round < ROUNDS; round++) {
      const isAfter = choices.number() < 0.5;
      const changed = isAfter
        ? `${choices.of(ALLOWED)} ${choices.of(AFTER)}`
        : choices.of(BEFORE) + choices.of(ALLOWED);
      const rest = choices.of(between) + choices.some(ALLOWED, 2, between);
      const command = choices.some(ALLOWED, 2, between) + changed + rest;
      if ((await verdict(command)) === "allow") {
        expect(bash.run(command).called, shown(command)).to.satisfy((names: string[]) => names.every(isGood));
      }
    }
  });

  it("runs only allowed commands and writes nothing when allowed", async () => {
    const choices = new Choices(SEED + 2);
    const allowed = new Set<string>();
    for (let round = 0; round < ROUNDS * 10 && allowed.size < 150; round++) {
      const tail = choices.some(LETTERS, 8, [""]);
      const command =
        choices.some(ALLOWED, 1, JOINTS) + choices.of(ALLOWED) + tail + choices.some(ALLOWED, 1, JOINTS);
      if ((await verdict(command)) === "allow") allowed.add(command);
    }
    expect(allowed.size).to.equal(150);
    for (const command of allowed) {
      const { called, made } = bash.run(command);
      expect(called, shown(command)).to.satisfy((names: string[]) => names.length > 0 && names.every(isGood));
      expect(made, shown(command)).to.deep.equal([]);
    }
  });

  it("never allows a script that runs a denied command", async () => {
    const choices = new Choices(SEED + 3);
    const rules = [{ deny: "Bash(bad *)" }, { allow: "Bash" }];
    let ran = 0;
    for (let round = 0; round < ROUNDS / 8; round++) {
      const before = choices.number() < 0.3 ? choices.of(BEFORE) : "";
      const between = choices.of(["", " ", ";", "\n"]);
      const command = `${before}${choices.of(ALLOWED)} ${choices.of(AFTER)}${between}${choices.of(AFTER)}`;
      if (!bash.run(command).called.includes("bad")) continue;
      ran += 1;
      expect(await verdict(command, rules), shown(command)).to.not.equal("allow");
    }
    expect(ran).to.be.above(ROUNDS / 50);
  });
});
