import type { AuthAdapter, AuthRequest, AuthResult } from '../../../src/ports/auth.ts';
import type { KnownToken } from '../../../src/testing/auth/harness.ts';
import { pause } from './storage.ts';

/** Tokens with letters in both cases, and one with another Unicode form. */
export const KNOWN_TOKENS: readonly KnownToken[] = [
  { accessToken: 'syt_YWxpY2U_Qm9iQ2Fyb2wx', userId: '@alice:example.org' },
  { accessToken: 'syt_Ym9i_QWxpY2VDYXJvbA', userId: '@bob:example.org' },
  { accessToken: 'jeton-privé-42', userId: '@carol:example.org' },
];

/** The smallest correct authentication adapter. Compares whole tokens. */
export class ReferenceAuth implements AuthAdapter {
  readonly userIds: Map<string, string> = new Map(
    KNOWN_TOKENS.map(({ accessToken, userId }) => [accessToken, userId]),
  );

  find(accessToken: string): string | undefined {
    return this.userIds.get(accessToken);
  }

  async authenticate({ accessToken }: AuthRequest): Promise<AuthResult> {
    await pause();
    const userId = this.find(accessToken);
    return userId === undefined ? { failure: 'unknown' } : { requester: { userId } };
  }
}
