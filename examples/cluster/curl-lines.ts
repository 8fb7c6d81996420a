import { BOB, GARDEN, LOBBY, SERVER_NAME, STUDIO } from '../quickstart/rooms.ts';
import { INVITES_PER_MINUTE } from './stores.ts';

const RACERS = 200;

/** Commands that show this many processes at work, each with what it answers, as bash comments. */
export function curlLines(baseUrl: string, processes: number): string[] {
  const inviteUrl = (roomId: string) => `'${baseUrl}/_matrix/client/v3/rooms/${inPath(roomId)}/invite'`;
  const as = (token: string) => `-H 'Authorization: Bearer ${token}'`;
  const asCarol = as('carol-token');
  const racing = `curl -sS -o /dev/null -w 'answered %{http_code}\\n' ${inviteUrl(STUDIO)} ${asCarol} -d '{"user_id":"@erin:${SERVER_NAME}"}'`;
  // Whom nobody has invited yet: an invite that is there already counts in no limit.
  const guest = `@guest-${Date.now().toString(36)}-'$n':${SERVER_NAME}`;
  return [
    '# Alice invites Bob into the lobby',
    `curl -sS -w ' %{http_code}\\n' ${inviteUrl(LOBBY)} ${as('alice-token')} -d '{"user_id":"${BOB}"}'`,
    '# {} 200',
    '',
    '# The processes take turns: a new connection goes to the next one (the numbers may come in another order)',
    `for n in $(seq ${processes}); do curl -sS -o /dev/null -D - '${baseUrl}/health' | grep -i x-worker; done`,
    ...Array.from({ length: processes }, (_, index) => `# X-Worker: worker-${index + 1}`),
    '',
    `# Rate limit: Dave may send ${INVITES_PER_MINUTE} invites a minute, whichever process he meets`,
    `for n in $(seq ${INVITES_PER_MINUTE + 1}); do curl -sS -w ' %{http_code}\\n' ${inviteUrl(GARDEN)} ${as('dave-token')} -d '{"user_id":"${guest}"}'; done`,
    ...Array<string>(INVITES_PER_MINUTE).fill('# {} 200'),
    '# {"retry_after_ms":…,"errcode":"M_LIMIT_EXCEEDED","error":"Too many requests"} 429',
    '',
    `# Carol, whom no limit counts, invites Erin ${RACERS} times, 20 at once, over all processes`,
    `seq ${RACERS} | xargs -P 20 -I {} ${racing} | sort | uniq -c | xargs`,
    `# ${RACERS} answered 200`,
    '',
    '# The log of that room: there is one invite of Erin',
    `curl -sS '${baseUrl}/rooms/${inPath(STUDIO)}/timeline' ${asCarol} | grep -o '"state_key":"@erin:${SERVER_NAME}"' | wc -l`,
    '# 1',
  ];
}

/** `%21` for the `!`: in double quotes bash would take it for a command of its history. */
function inPath(roomId: string): string {
  return encodeURIComponent(roomId).replace('!', '%21');
}
