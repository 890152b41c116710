import { randomInt } from "node:crypto";

/** Without those that look alike. */
const LETTERS = "abcdefghjkmnpqrstuvwxyz23456789";
/** About 60 bits: no id is ever made twice, so that what belonged to a deleted key never belongs to a later one. */
const RANDOM_LETTERS = 12;
const MAX_NAME_LETTERS = 40;

/** A new id, which begins with the name as far as it can be in the name of a folder. */
export function createKeyId(name: string): string {
  const plain = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replace(/^-/, "")
    .slice(0, MAX_NAME_LETTERS)
    .replace(/-$/, "");
  const random = Array.from({ length: RANDOM_LETTERS }, () => LETTERS[randomInt(LETTERS.length)]);
  return `${plain || "key"}-${random.join("")}`;
}
