// The invite that the tests send to each code block that listens. The README shows it as a command.

export const PATH = '/_matrix/client/v3/rooms/!cats:example.org/invite';
export const AUTHORIZATION = 'Bearer alice-token';
export const BODY = '{"user_id":"@dave:example.org"}';

/** The same invite as the Bash command in the README. */
export const CURL: string = [
  `curl 'http://localhost:8008${PATH}'`,
  `-H 'Authorization: ${AUTHORIZATION}'`,
  "-H 'Content-Type: application/json'",
  `-d '${BODY}'`,
].join(' ');
