/** A change of a built file that takes a rule out. */
interface Change {
  /** How its path ends. */
  readonly file: string;
  readonly from: RegExp;
  readonly to: string;
}

/** What takes each rule out, by the rule's name. */
export const RULES: Readonly<Record<string, readonly Change[]>>;
