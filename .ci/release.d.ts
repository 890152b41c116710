/** Sets the version in all of a repository's files. Throws, before anything is written, where it cannot be released. */
export function setVersion(root: string, version: string | undefined, date: string): void;
