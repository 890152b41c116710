import type { PageQuery } from "@claudeway/ports";

const MAX_PER_PAGE = 1000;

/** Throws a RangeError if page or limit is out of range. */
export function checkPage({ page, limit }: PageQuery): PageQuery {
  if (!Number.isSafeInteger(page) || page < 1)
    throw new RangeError(`page must be an integer of at least 1, got ${page}`);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PER_PAGE) {
    throw new RangeError(`limit must be an integer from 1 to ${MAX_PER_PAGE}, got ${limit}`);
  }
  return { page, limit };
}

export function offsetOf({ page, limit }: PageQuery): number {
  return (page - 1) * limit;
}
