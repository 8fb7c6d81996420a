import { userIdOf } from '../app/auth.ts';
import { INVITES_PER_MINUTE } from '../app/stores.ts';
import { GARDEN, LOBBY, STUDIO } from './demo-rooms.ts';
import type { Tokens } from './oauth.ts';

const RACING_REQUESTS = 200;

export type CurlOptions = {
  readonly url: string;
  readonly metricsUrl: string;
  readonly tokens: Tokens;
  readonly workers: number;
};

/** Commands that show the workers together, each with its expected output as bash comments. */
export function curlLines({ url, metricsUrl, tokens, workers }: CurlOptions): string[] {
  const inviteUrl = (roomId: string) => `'${url}/_matrix/client/v3/rooms/${inPath(roomId)}/invite'`;
  // Double quotes, because the token may be a shell variable.
  const as = (token: string) => `-H "Authorization: Bearer ${token}" -H 'Content-Type: application/json'`;
  const asCarol = as(tokens.carol);
  const [bob, erin] = [userIdOf('bob'), userIdOf('erin')];
  const race = `curl -sS -o /dev/null -w 'HTTP %{http_code}\\n' ${inviteUrl(STUDIO)} ${asCarol} -d '{"user_id":"${erin}"}'`;
  // New invitees: inviting a user again counts in no rate limit.
  const guest = userIdOf(`guest-${Date.now().toString(36)}-'$n'`);
  return [
    '# Alice invites Bob to the lobby. The OAuth provider says whose token it is',
    `curl -sS -w ' %{http_code}\\n' ${inviteUrl(LOBBY)} ${as(tokens.alice)} -d '{"user_id":"${bob}"}'`,
    '# {} 200',
    '',
    '# The provider does not know this token',
    `curl -sS -w ' %{http_code}\\n' ${inviteUrl(LOBBY)} ${as('made-up')} -d '{"user_id":"${bob}"}'`,
    '# {"errcode":"M_UNKNOWN_TOKEN","error":"The access token is unknown"} 401',
    '',
    '# The workers take turns: each new connection goes to the next one (the order may differ)',
    `for n in $(seq ${workers}); do curl -sS -o /dev/null -D - '${url}/health' | grep -i x-worker; done`,
    ...Array.from({ length: workers }, (_, index) => `# X-Worker: worker-${index + 1}`),
    '',
    `# Rate limit: Dave may send ${INVITES_PER_MINUTE} invites per minute, across all workers`,
    `for n in $(seq ${INVITES_PER_MINUTE + 1}); do curl -sS -w ' %{http_code}\\n' ${inviteUrl(GARDEN)} ${as(tokens.dave)} -d '{"user_id":"${guest}"}'; done`,
    ...Array<string>(INVITES_PER_MINUTE).fill('# {} 200'),
    '# {"retry_after_ms":…,"errcode":"M_LIMIT_EXCEEDED","error":"Too many requests"} 429',
    '',
    `# Carol, who has no rate limit, invites Erin ${RACING_REQUESTS} times, 20 at once, across all workers`,
    `seq ${RACING_REQUESTS} | xargs -P 20 -I {} ${race} | sort | uniq -c | xargs`,
    `# ${RACING_REQUESTS} HTTP 200`,
    '',
    '# The metrics of all workers together: the number of 429 responses, by the limit that was exceeded',
    `curl -sS '${metricsUrl}' | grep '^matrix_invite_rate_limited_total{scope="inviter"}'`,
    '# matrix_invite_rate_limited_total{scope="inviter"} 1',
    '',
    '# The timeline of that room contains a single invite for Erin',
    `curl -sS '${url}/rooms/${inPath(STUDIO)}/timeline' ${asCarol} | grep -o '"state_key":"${erin}"' | wc -l`,
    '# 1',
  ];
}

/** Encodes `!` as `%21`, because bash expands `!` in double quotes as a command from its history. */
function inPath(roomId: string): string {
  return encodeURIComponent(roomId).replace('!', '%21');
}
