import type { PageQuery } from "@claudeway/core/ports";

const MAX_PER_PAGE = 1000;

/** Throws a RangeError unless it is a page that can be asked for. */
export function checkPage({ page, limit }: PageQuery): PageQuery {
  if (!Number.isSafeInteger(page) || page < 1) throw new RangeError(`page is ${page}; it counts from 1`);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PER_PAGE) {
    throw new RangeError(`limit is ${limit}; it takes 1 to ${MAX_PER_PAGE}`);
  }
  return { page, limit };
}

export function offsetOf({ page, limit }: PageQuery): number {
  return (page - 1) * limit;
}
