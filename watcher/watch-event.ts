import type { Sighting } from './object.ts'
import type { WatchFailure } from './watch-failure.ts'

/** What a list-watch tells. Init, InitApply…, InitDone bracket a list: whatever is not between them exists no more. */
export type WatchEvent =
  | { readonly type: 'Init' }
  | { readonly type: 'InitApply'; readonly object: Sighting }
  | { readonly type: 'InitDone'; readonly resourceVersion: string }
  /** Between Init and InitDone: the list is being streamed, and this happened to one of its objects meanwhile. */
  | { readonly type: 'Apply' | 'Delete'; readonly object: Sighting }
  | { readonly type: 'Bookmark'; readonly resourceVersion: string }
  /** The watch stands, though nothing may have happened. */
  | { readonly type: 'Connected' }
  /** A request failed or its stream broke off; it goes on by itself after `retryInMs`. */
  | { readonly type: 'Failed'; readonly failure: WatchFailure; readonly retryInMs: number }
