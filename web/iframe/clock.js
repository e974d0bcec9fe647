// The server's time: a device whose clock is wrong still counts down to the right moment.

let offset = 0;

/** The server says what time it is. @param {number | undefined} seconds */
export function setServerTime(seconds) {
  if (typeof seconds === "number") offset = seconds * 1000 - Date.now();
}

/** Unix milliseconds by the server's clock. */
export function now() {
  return Date.now() + offset;
}
