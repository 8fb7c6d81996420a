import { BOB, GARDEN, LOBBY, SERVER_NAME, STUDIO } from '../quickstart/rooms.ts';
import type { Tokens } from './oauth.ts';
import { INVITES_PER_MINUTE } from './stores.ts';

const RACERS = 200;

export type CurlOptions = {
  readonly url: string;
  readonly metricsUrl: string;
  readonly tokens: Tokens;
  readonly processes: number;
};

/** Commands that show this many processes at work, each with what it answers, as bash comments. */
export function curlLines({ url, metricsUrl, tokens, processes }: CurlOptions): string[] {
  const inviteUrl = (roomId: string) => `'${url}/_matrix/client/v3/rooms/${inPath(roomId)}/invite'`;
  // In double quotes, since it may be a variable.
  const as = (token: string) => `-H "Authorization: Bearer ${token}"`;
  const asCarol = as(tokens.carol);
  const racing = `curl -sS -o /dev/null -w 'answered %{http_code}\\n' ${inviteUrl(STUDIO)} ${asCarol} -d '{"user_id":"@erin:${SERVER_NAME}"}'`;
  // Whom nobody has invited yet: an invite that is there already counts in no limit.
  const guest = `@guest-${Date.now().toString(36)}-'$n':${SERVER_NAME}`;
  return [
    '# Alice invites Bob into the lobby; whose the token is, the OAuth provider says',
    `curl -sS -w ' %{http_code}\\n' ${inviteUrl(LOBBY)} ${as(tokens.alice)} -d '{"user_id":"${BOB}"}'`,
    '# {} 200',
    '',
    '# The provider does not know this token',
    `curl -sS -w ' %{http_code}\\n' ${inviteUrl(LOBBY)} ${as('made-up')} -d '{"user_id":"${BOB}"}'`,
    '# {"errcode":"M_UNKNOWN_TOKEN","error":"The access token is unknown"} 401',
    '',
    '# The processes take turns: a new connection goes to the next one (the numbers may come in another order)',
    `for n in $(seq ${processes}); do curl -sS -o /dev/null -D - '${url}/health' | grep -i x-worker; done`,
    ...Array.from({ length: processes }, (_, index) => `# X-Worker: worker-${index + 1}`),
    '',
    `# Rate limit: Dave may send ${INVITES_PER_MINUTE} invites a minute, whichever process he meets`,
    `for n in $(seq ${INVITES_PER_MINUTE + 1}); do curl -sS -w ' %{http_code}\\n' ${inviteUrl(GARDEN)} ${as(tokens.dave)} -d '{"user_id":"${guest}"}'; done`,
    ...Array<string>(INVITES_PER_MINUTE).fill('# {} 200'),
    '# {"retry_after_ms":…,"errcode":"M_LIMIT_EXCEEDED","error":"Too many requests"} 429',
    '',
    `# Carol, whom no limit counts, invites Erin ${RACERS} times, 20 at once, over all processes`,
    `seq ${RACERS} | xargs -P 20 -I {} ${racing} | sort | uniq -c | xargs`,
    `# ${RACERS} answered 200`,
    '',
    '# Metrics of all processes together: what was answered 429, because of which limit',
    `curl -sS '${metricsUrl}' | grep '^matrix_invite_rate_limited_total{scope="inviter"}'`,
    '# matrix_invite_rate_limited_total{scope="inviter"} 1',
    '',
    '# The log of that room: there is one invite of Erin',
    `curl -sS '${url}/rooms/${inPath(STUDIO)}/timeline' ${asCarol} | grep -o '"state_key":"@erin:${SERVER_NAME}"' | wc -l`,
    '# 1',
  ];
}

/** `%21` for the `!`: in double quotes bash would take it for a command of its history. */
function inPath(roomId: string): string {
  return encodeURIComponent(roomId).replace('!', '%21');
}
