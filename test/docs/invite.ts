// The invite that every block which listens is sent, and that README shows as a command.

export const PATH = '/_matrix/client/v3/rooms/!cats:example.org/invite';
export const AUTHORIZATION = 'Bearer alice-token';
export const BODY = '{"user_id":"@dave:example.org"}';

/** The same invite for bash, as README has it. */
export const CURL: string = `curl 'http://localhost:8008${PATH}' -H 'Authorization: ${AUTHORIZATION}' -d '${BODY}'`;
