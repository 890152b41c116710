/** Which part of a list. `page` counts from 1; `limit` is 1 to 1000. */
export interface PageQuery {
  readonly page: number;
  readonly limit: number;
}
