const DEFAULT_PAGE_SIZE = 100;

/** The part of a request that asks for one page of a list. */
export interface PageRequest {
  readonly pageSize: number;
  /** The last name of the page before. */
  readonly pageToken: string;
}

/** Returns one page of named items, in the order of their names, and the next page's token. */
export function pageOf<Item extends { readonly name: string }>(
  all: Iterable<Item>,
  { pageSize, pageToken }: PageRequest,
): readonly [items: readonly Item[], nextPageToken: string] {
  const rest = [...all].filter(({ name }) => name > pageToken).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const items = rest.slice(0, pageSize || DEFAULT_PAGE_SIZE);
  return [items, items.length < rest.length ? (items.at(-1)?.name ?? '') : ''];
}
