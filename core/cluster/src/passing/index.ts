export { LostAnswers } from "./lost-answers.js";
export { Passing, type PassingOptions } from "./passing.js";
