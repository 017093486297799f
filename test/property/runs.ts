const { DELTABRIDGE_HISTORIES, DELTABRIDGE_SEED } = process.env

/** How many histories are played: a few with the other tests, as many as one likes in search of trouble. */
export const runs = Number(DELTABRIDGE_HISTORIES ?? 400)

/** Printed with every run, to play the same histories again. */
export const seed = Number(DELTABRIDGE_SEED ?? Math.floor(Math.random() * 2 ** 31))
