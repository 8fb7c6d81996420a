import type { AuthRequest, AuthResult } from '../../../src/ports/auth.ts';
import { KNOWN_TOKENS, ReferenceAuth } from '../reference/auth.ts';
import { pause } from '../reference/storage.ts';

/** Compares as far as the token goes. */
export class ComparesByStartsWith extends ReferenceAuth {
  override find(accessToken: string): string | undefined {
    return KNOWN_TOKENS.find((known) => known.accessToken.startsWith(accessToken))?.userId;
  }
}

/** Looks tokens up with a case-insensitive collation. */
export class IgnoresCase extends ReferenceAuth {
  override find(accessToken: string): string | undefined {
    return KNOWN_TOKENS.find((known) => known.accessToken.toLowerCase() === accessToken.toLowerCase())
      ?.userId;
  }
}

/** Normalises tokens. */
export class NormalisesTokens extends ReferenceAuth {
  override find(accessToken: string): string | undefined {
    return super.find(accessToken.normalize('NFC'));
  }
}

/** Trims tokens. */
export class TrimsTokens extends ReferenceAuth {
  override find(accessToken: string): string | undefined {
    return super.find(accessToken.trim());
  }
}

/** Looks tokens up with LIKE. */
export class LooksUpWithLike extends ReferenceAuth {
  override find(accessToken: string): string | undefined {
    const pattern = accessToken
      .replace(/[^\p{L}\p{N}%_]/gu, '\\$&')
      .replaceAll('%', '.*')
      .replaceAll('_', '.');
    return KNOWN_TOKENS.find((known) => new RegExp(`^${pattern}$`, 'su').test(known.accessToken))?.userId;
  }
}

/** Keeps its tokens in a plain object, which has members of its own. */
export class TokensInAPlainObject extends ReferenceAuth {
  override find(accessToken: string): string | undefined {
    const userIds: Record<string, string> = Object.fromEntries(this.userIds);
    return userIds[accessToken];
  }
}

/** Rejects a token that it does not know. */
export class RejectsUnknownTokens extends ReferenceAuth {
  override find(accessToken: string): string | undefined {
    const userId = super.find(accessToken);
    if (userId === undefined) throw new Error('no such session');
    return userId;
  }
}

/** Resolves a localpart instead of the full user id. */
export class ResolvesLocalparts extends ReferenceAuth {
  override find(accessToken: string): string | undefined {
    return super.find(accessToken)?.replace(/^@(.*):.*$/, '$1');
  }
}

/** Keeps the token of the request at hand in a field. */
export class RemembersTheLastToken extends ReferenceAuth {
  last = '';

  override async authenticate({ accessToken }: AuthRequest): Promise<AuthResult> {
    this.last = accessToken;
    await pause();
    const userId = this.find(this.last);
    return userId === undefined ? { failure: 'unknown' } : { requester: { userId } };
  }
}

/** Locks a user out after a few unknown tokens of anybody. */
export class LocksEverybodyOut extends ReferenceAuth {
  failures = 0;

  override find(accessToken: string): string | undefined {
    const userId = this.failures < 10 ? super.find(accessToken) : undefined;
    if (userId === undefined) this.failures += 1;
    return userId;
  }
}

/** Believes the request. */
export class BelievesAssertions extends ReferenceAuth {
  override async authenticate(request: AuthRequest): Promise<AuthResult> {
    const result = await super.authenticate(request);
    const { assertedUserId } = request;
    return 'requester' in result && assertedUserId !== undefined
      ? { requester: { userId: assertedUserId } }
      : result;
  }
}
