/** What has become of a row that has no test of its own in this folder. */
export type Standing =
  /** Another test shows it, named as it stands in its file. */
  | { readonly shownBy: string; readonly test: string }
  /** It is of no use any more. */
  | { readonly retired: string }
  /** It does not hold yet, or nothing shows that it does. */
  | { readonly open: string }

/** A row of the list of what a list-watch has to get right; without `standing` a test of this folder shows it. */
export interface Row {
  readonly number: number
  readonly sentence: string
  readonly standing?: Standing
}

/** The name of its test, where it has one of its own. */
export function titleOf({ number, sentence }: Pick<Row, 'number' | 'sentence'>): string {
  return `${number}: ${sentence}`
}

export const rows: readonly Row[] = [
  {
    number: 1,
    sentence:
      'the first list is one request: a watch with sendInitialEvents, resourceVersionMatch=NotOlderThan, bookmarks, 300 to 600 s, and no resourceVersion',
  },
  {
    number: 2,
    sentence:
      "a streamed list whose objects come in any order is complete only with the annotated bookmark; its position is the bookmark's, and the same stream goes on",
  },
  {
    number: 3,
    sentence: 'what happens to an object of a streamed list before it is complete ends in its newest state',
  },
  {
    number: 4,
    sentence:
      'a streamed list that ends before the bookmark deletes nothing and syncs nothing; after two tries the list comes in pages',
  },
  {
    number: 5,
    sentence:
      'a streamed list whose end is never announced is given up 30 s after its last object, and not asked for again for an hour',
    standing: {
      shownBy: 'test/watcher/watch-list.test.ts',
      test: 'whose end is never announced is given up 30 s after its last object, plain bookmarks or not',
    },
  },
  { number: 6, sentence: 'a server that refuses to stream its list is asked for pages at once, without a pause' },
  {
    number: 7,
    sentence: 'a compressed stream is read as it comes, a member at a time, however it is cut',
    standing: {
      shownBy: 'test/watcher/connection.test.ts',
      test: 'a compressed body is read as it comes, a member at a time',
    },
  },
  {
    number: 8,
    sentence:
      "a list in pages asks for the newest state; later pages carry continue and limit and no resourceVersion; the list stands at the first page's",
  },
  {
    number: 9,
    sentence:
      "a 410 between two pages: one full list without limit, the server's fresh token unused, nothing deleted for the part that was told",
  },
  {
    number: 10,
    sentence: 'a list with a resourceVersion that is refused with 410 is asked for again without',
    standing: { retired: 'no list of ours asks for a resourceVersion: each is of the newest state' },
  },
  {
    number: 11,
    sentence: 'a list with a resourceVersion that is too large is asked for again without',
    standing: {
      retired: 'no list of ours asks for a resourceVersion; a position from before a restored etcd is row 60',
    },
  },
  { number: 12, sentence: 'items of a list lack kind and apiVersion; their deltas have both' },
  {
    number: 13,
    sentence:
      'a list with nothing in it where 500 objects were known deletes nothing before objects asked for by name bear it out',
    standing: {
      shownBy: 'test/watcher/mass-deletion.test.ts',
      test: 'an empty answer where there were hundreds of objects deletes nothing as long as one of them is still there',
    },
  },
  {
    number: 14,
    sentence: 'a list whose body ends after half an item is a failed list: nothing is deleted, the position stays',
  },
  {
    number: 15,
    sentence:
      'a watch that the server closes cleanly goes on from the last position, without a list and without a delta',
  },
  {
    number: 16,
    sentence: 'timeoutSeconds is random for each request, even over 300 to 600',
    standing: {
      shownBy: 'test/watcher/list-watch.test.ts',
      test: 'the server is asked to end a watch after 5 to 10 minutes, evenly spread',
    },
  },
  { number: 17, sentence: 'a connection that is reset after a bookmark goes on from the bookmark' },
  { number: 18, sentence: 'a repeated bookmark and one from before do nothing; the position never goes back' },
  {
    number: 19,
    sentence: 'a bookmark that carries empty spec and status and unknown annotations is a bookmark, and no delta',
  },
  { number: 20, sentence: 'without bookmarks the position follows the events' },
  { number: 21, sentence: 'a watch that is answered with 410 is met by a list; only the difference is told' },
  { number: 22, sentence: 'a 410 within the stream: the events before it count, then as in row 21' },
  {
    number: 23,
    sentence:
      '500, 504 and 429 within the stream: no list; the watch goes on from its position, not before the server allows it',
  },
  { number: 24, sentence: '429 with Retry-After, on a watch and on a list: not tried again any sooner' },
  { number: 25, sentence: '429 while the storage is initialized: the same, and what is known stays' },
  {
    number: 26,
    sentence:
      'an API server that refuses connections is tried with growing pauses from 0.8 s on, never with a list; the watch goes on where it was',
  },
  { number: 27, sentence: 'a connection that breaks in any way: the watch goes on from its position, without a list' },
  { number: 28, sentence: 'a stream that ends within a line has not told that line; the position stays' },
  {
    number: 29,
    sentence: 'a line that is no JSON is not told and moves nothing; three times at one position is met by a list',
  },
  { number: 30, sentence: 'a watch that is closed at once with nothing in it, again and again, is met by a list' },
  { number: 31, sentence: 'where every watch is closed at once, pauses grow, and lists stay few' },
  {
    number: 32,
    sentence: 'an object of 3 MiB passes; one over maxEventBytes is a dead letter',
    standing: {
      open: 'objects of 1.5 MB pass (test/watcher/object.test.ts); maxEventBytes and its dead letter (model.md 15) are not there yet',
    },
  },
  {
    number: 33,
    sentence:
      'names and values in any script, with escapes, cut anywhere, also within a character, arrive byte for byte',
  },
  {
    number: 34,
    sentence: 'no decoy within an object is taken for its identity',
    standing: { shownBy: 'test/watcher/object.test.ts', test: 'decoys are passed over' },
  },
  { number: 35, sentence: 'the same event twice is one delta' },
  {
    number: 36,
    sentence: 'MODIFIED of an unknown object is Added; ADDED of a known one with another version is Updated',
  },
  { number: 37, sentence: 'an event that is older than what is known is nothing' },
  { number: 38, sentence: 'DELETED of an unknown object is nothing' },
  { number: 39, sentence: 'DELETED is Deleted, with the final state and the resourceVersion of the deletion' },
  {
    number: 40,
    sentence: 'an object that was deleted while nobody watched is Deleted by the list, with finalStateUnknown',
  },
  {
    number: 41,
    sentence: 'an object that was deleted and made again under its name while nobody watched is Deleted, then Added',
  },
  { number: 42, sentence: 'the same seen live as MODIFIED with a new uid: Deleted, then Added' },
  { number: 43, sentence: 'an object that leaves a selector and comes back is Deleted, then Added' },
  {
    number: 44,
    sentence: 'the selector is the same on every request',
    standing: {
      shownBy: 'test/watcher/list-watch.test.ts',
      test: 'the selectors and the namespace are the same on every request',
    },
  },
  {
    number: 45,
    sentence: 'a resync tells what is there again',
    standing: { retired: 'there is no Resync (model.md §6)' },
  },
  {
    number: 46,
    sentence: 'an object whose filter or redaction throws is a dead letter; the stream goes on',
    standing: { open: 'not there yet (model.md 15)' },
  },
  {
    number: 47,
    sentence: 'a stream of metadata alone falls back to whole objects on 406',
    standing: { open: 'metadataOnly is not supported yet, and refused in a configuration' },
  },
  {
    number: 48,
    sentence: 'the first list of 100,000 objects stays within its memory and time',
    standing: { open: 'measured by npm run bench watcher; no test asserts it' },
  },
  {
    number: 49,
    sentence: '5,000 events a second for ten minutes stay within their lag and memory',
    standing: { open: 'measured by npm run bench watcher; no test asserts it' },
  },
  {
    number: 50,
    sentence: 'where Redis is ten times slower than the stream, reading waits and nothing is lost',
    standing: { open: 'no test of a slow Redis yet; of one that dies: row 88' },
  },
  {
    number: 51,
    sentence: 'a process that dies before its batch is committed: every delta comes once',
    standing: {
      shownBy: 'test/property/histories.test.ts',
      test: 'whatever happens, every trigger is told exactly what happened, in order, and nothing else is left',
    },
  },
  {
    number: 52,
    sentence:
      'a process that dies after its batch was committed and before it heard so: nothing is repeated, nothing is lost',
    standing: {
      shownBy: 'test/watcher/commit.test.ts',
      test: 'sent twice, a commit changes nothing more, and names the drains again',
    },
  },
  {
    number: 53,
    sentence: 'a process that dies between its outbox and the queue',
    standing: { retired: 'there is no outbox: the commit itself moves the mailboxes (model.md §6)' },
  },
  {
    number: 54,
    sentence: 'an object that was told, then deleted while nobody watched, with history gone, is Deleted once',
  },
  {
    number: 55,
    sentence: 'a process that dies while it tells what a list lacked: each is Deleted once',
    standing: {
      shownBy: 'test/property/histories.test.ts',
      test: 'whatever happens, every trigger is told exactly what happened, in order, and nothing else is left',
    },
  },
  {
    number: 56,
    sentence: 'a process that dies within a list: nothing is deleted by half a list, and the list is done again',
  },
  { number: 57, sentence: 'a restart where nothing changed: no delta, no list, at most two requests' },
  { number: 58, sentence: 'a restart after history is gone: one list, only the differences' },
  {
    number: 59,
    sentence: 'an owner that lost its lease changes nothing any more and is told so',
    standing: {
      shownBy: 'test/watcher/stream.test.ts',
      test: 'whoever is no longer the owner changes nothing and is told so',
    },
  },
  {
    number: 60,
    sentence: 'etcd restored from a backup: what that took back, changed and brought back is told',
    standing: {
      shownBy: 'test/watcher/rewind.test.ts',
      test: 'etcd restored while the watcher was down: what that took back, changed and brought back is told, under ids of its own',
    },
  },
  {
    number: 61,
    sentence: 'a restored cluster that has grown past the position is found out',
    standing: {
      open: 'a position that the server has passed again does not show it; there is no list for comparison yet',
    },
  },
  {
    number: 62,
    sentence: 'a watch from a position that the server has not reached is found out',
    standing: {
      shownBy: 'test/watcher/rewind.test.ts',
      test: 'a bookmark from before the position that was asked for gives a rewind away',
    },
  },
  {
    number: 63,
    sentence: 'another cluster behind the same URL tells nothing until it is accepted',
    standing: { open: 'the identity is read by deltabridge check and not yet pinned by the watcher (model.md 21)' },
  },
  { number: 64, sentence: 'a rolling restart of API servers, one of them behind: no list, nothing goes backwards' },
  {
    number: 65,
    sentence: 'a replica that answers a list older than what is known deletes nothing',
    standing: { retired: "no list is taken from a replica's cache: each asks for the newest state" },
  },
  {
    number: 66,
    sentence: 'a kind that is removed while it is watched: its objects are Deleted, the stream is Gone',
    standing: { open: 'not there yet' },
  },
  {
    number: 67,
    sentence: 'a kind that is made again is watched again',
    standing: { open: 'not there yet; one that appears for the first time is (test/e2e/main-job.test.ts)' },
  },
  {
    number: 68,
    sentence: 'a kind whose served version moves goes on without a delta',
    standing: { open: 'not there yet' },
  },
  {
    number: 69,
    sentence: 'with a wildcard a new kind is watched within two seconds',
    standing: { open: 'wildcards are not supported yet, and refused in a configuration' },
  },
  { number: 70, sentence: 'a namespace that is deleted with its 200 objects: 200 Deleted, and the stream stays' },
  {
    number: 71,
    sentence:
      'a right that is taken away: Blocked with the missing rule, nothing deleted, no list; given back, the watch goes on',
  },
  {
    number: 72,
    sentence: 'whoever may watch and not list is watched all the same',
    standing: {
      shownBy: 'test/watcher/rewind.test.ts',
      test: 'whoever may watch and not list is watched all the same',
    },
  },
  {
    number: 73,
    sentence: 'credentials that expire are renewed once for all streams',
    standing: {
      shownBy: 'test/watcher/credentials.test.ts',
      test: 'a plugin beside the kubeconfig is run once for many requests, and again after 401',
    },
  },
  {
    number: 74,
    sentence: 'a token file that is replaced is read within a minute, without its newline',
    standing: {
      shownBy: 'test/watcher/credentials.test.ts',
      test: 'a token file is read trimmed, beside its kubeconfig, and anew after a minute',
    },
  },
  {
    number: 75,
    sentence:
      'a plugin for credentials that fails, hangs, answers garbage or a certificate costs no more than its own cluster',
    standing: {
      open: 'one that fails and one process for many streams are tested (test/watcher/credentials.test.ts); hanging, garbage and certificates are not yet',
    },
  },
  {
    number: 76,
    sentence: 'no token of one cluster is ever sent to another',
    standing: {
      shownBy: 'test/watcher/credentials.test.ts',
      test: 'one connection never sends another’s token, though their users have one name',
    },
  },
  {
    number: 77,
    sentence: 'an OIDC token that expired is renewed once for all requests',
    standing: { open: 'not tested yet' },
  },
  {
    number: 78,
    sentence: 'a client certificate that is replaced is used by new requests, while old streams go on',
    standing: {
      shownBy: 'test/watcher/credentials.test.ts',
      test: 'a client certificate that changes on disk is used by new requests, while old streams go on',
    },
  },
  {
    number: 79,
    sentence: 'a clock that jumps changes no pause, no lease and no delta',
    standing: { open: 'not tested yet' },
  },
  {
    number: 80,
    sentence: 'a connection that is dead and looks alive is noticed within 45 s',
    standing: { open: 'takes a network that drops packets; keepalive of TCP is set to 15 s' },
  },
  {
    number: 81,
    sentence: 'a watch that falls silent behind a proxy is given up in 150 s',
    standing: {
      shownBy: 'test/watcher/watch-list.test.ts',
      test: 'after a bookmark is given up in 150 s, and begins again where it was',
    },
  },
  {
    number: 82,
    sentence: 'one stream of an HTTP/2 session that breaks leaves the others alone',
    standing: { retired: 'HTTP/2 is not used: a watch has a connection of its own' },
  },
  {
    number: 83,
    sentence: "HTTP/2's windows are large enough for long links",
    standing: { retired: 'HTTP/2 is not used: a watch has a connection of its own' },
  },
  {
    number: 84,
    sentence: 'a thousand streams that start at once are spread',
    standing: { open: 'after an outage they are (test/watcher/cluster-gate.test.ts); at a start not yet' },
  },
  { number: 85, sentence: 'a stream that is told to stop does so within a second, wherever it is' },
  {
    number: 86,
    sentence: 'a stream that nobody needs any more leaves nothing behind but its position',
    standing: {
      shownBy: 'test/watcher/claim-attach-drop.test.ts',
      test: 'a dropped stream leaves nothing behind but the position of its resource, however large it was',
    },
  },
  {
    number: 87,
    sentence: 'a handler that fails for ever ends in dead letters and disturbs nobody',
    standing: {
      shownBy: 'test/integration/functions.test.ts',
      test: 'that fails for ever on one object ends in dead letters; its other objects and the other function are untouched',
    },
  },
  {
    number: 88,
    sentence: 'Redis that dies amid changes and comes back: nothing is lost, nothing is repeated',
    standing: {
      shownBy: 'test/integration/redis.test.ts',
      test: 'Redis that dies amid changes and comes back loses nothing and repeats nothing',
    },
  },
  {
    number: 89,
    sentence: 'what Redis held is lost: a full sync that says so',
    standing: { open: 'not there yet (model.md 22)' },
  },
  {
    number: 90,
    sentence: 'resourceVersions that are no numbers are only ever equal or not',
    standing: {
      shownBy: 'test/watcher/reflector.test.ts',
      test: 'where resourceVersions are no numbers, another one is newer',
    },
  },
  {
    number: 91,
    sentence: 'a server without watch is listed again and again',
    standing: { open: 'a kind that cannot be watched is Gone' },
  },
  { number: 92, sentence: 'a finalizer at work is an Updated; Deleted comes with DELETED' },
  { number: 93, sentence: 'what is made and deleted within one batch is Added, then Deleted' },
  {
    number: 94,
    sentence: 'what changes while it is delivered is delivered in order, never in parallel',
    standing: {
      shownBy: 'test/dispatcher/delivery.test.ts',
      test: 'is delivered in order, never in parallel, also while one of its deltas is retried',
    },
  },
  {
    number: 95,
    sentence: 'a delivery that fails waits longer from one attempt to the next',
    standing: { shownBy: 'test/dispatcher/delivery.test.ts', test: 'waits longer from one attempt to the next' },
  },
  {
    number: 96,
    sentence: 'who waits for all streams is told which one is not synced',
    standing: {
      shownBy: 'test/integration/clusters.test.ts',
      test: 'a kind that the cluster does not serve is told and waited for, and watched once it is served',
    },
  },
  {
    number: 97,
    sentence: 'what is known is what a list says',
    standing: {
      shownBy: 'test/property/histories.test.ts',
      test: 'whatever happens, every trigger is told exactly what happened, in order, and nothing else is left',
    },
  },
  {
    number: 98,
    sentence: '50,000 objects for a day within 256 MB',
    standing: { open: 'takes a day; memory per object is measured by npm run bench watcher' },
  },
  { number: 99, sentence: 'bookmarks alone keep the position moving, and a restart goes on from the last one' },
  {
    number: 100,
    sentence: 'a cluster behind a proxy, with another server name or an IPv6 address, is watched',
    standing: { open: 'HTTP proxies are supported and not tested yet; SOCKS is refused by name' },
  },
]
