/** What a checkout is made from. */
export interface Source {
  readonly commit: string;
  /** Undefined for a submodule: its commit is checked out without a branch. */
  readonly branch?: string | undefined;
  /** The bare repository that has the commit. */
  readonly mirror: string;
  /** The URL that the checkout pulls from and pushes to. */
  readonly url: string;
  /** Written to its settings, so that `git submodule` works in the checkout. */
  readonly submodules?: readonly { readonly name: string; readonly url: string }[] | undefined;
}

/** A submodule that is checked out. */
export interface Module extends Source {
  /** Below the checkout. */
  readonly path: string;
  /** The path of the repository that names it; empty for the outermost. */
  readonly parent: string;
  /** Its section of `.gitmodules`. */
  readonly name: string;
}
