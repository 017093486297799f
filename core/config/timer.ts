/** What is set for longer rings at once: a timer's milliseconds are a signed 32-bit number, and end after 24 days. */
export const longestTimerSeconds = 2_147_483
