import { expect } from "chai";
import { answersOf, questionsOf, withAnswers } from "#conversations/index.js";

const options = [
  { label: "a", description: "A" },
  { label: "b", description: "B", preview: "b()" },
];

describe("questions of the model", () => {
  it("are read as far as they are well-formed", () => {
    const asked = {
      question: "Which?",
      header: "H",
      multiSelect: true,
      options: [...options, "c", { label: 1 }],
    };
    expect(questionsOf({ questions: [asked, "x", { question: 1 }, { question: "Bare?" }] })).to.deep.equal([
      { question: "Which?", header: "H", multi_select: true, options },
      { question: "Bare?", header: "", multi_select: false, options: [] },
    ]);
    for (const questions of [undefined, "x", {}]) expect(questionsOf({ questions })).to.deep.equal([]);
  });

  it("are answered by labels, lists of labels, and words of the user's own", () => {
    const questions = [
      { question: "One?", options },
      { question: "Many?", multiSelect: true, options },
      { question: "Own?", options },
    ];
    const answers = { "One?": ["a"], "Many?": ["b", "a"], "Own?": { text: "c" } };
    expect(answersOf({ questions }, answers)).to.deep.equal({ "One?": "a", "Many?": "b, a", "Own?": "c" });
  });

  it("named like properties of objects are questions like others", () => {
    const questions = ["__proto__", "constructor"].map((question) => ({ question, options }));
    expect(() => answersOf({ questions }, {})).to.throw('missing: "__proto__"');
    const answers = JSON.parse('{"__proto__": "a", "constructor": "b"}');
    expect(JSON.stringify(answersOf({ questions }, answers))).to.equal(JSON.stringify(answers));
  });

  it("keep the input of the call beside the answers of a decision", () => {
    const input = { questions: [{ question: "One?", options }], metadata: { source: "x" } };
    const answers = { "One?": "anything" };
    expect(withAnswers(input, { answers })).to.deep.equal({ ...input, answers });
    for (const wrong of [undefined, { "One?": 1 }])
      expect(() => withAnswers(input, { answers: wrong })).to.throw();
  });
});
