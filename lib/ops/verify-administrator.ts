/** Proves that the administrator's current password opens the database and that the one before does not. */
import type { Administrator } from '../keys/vault.ts';
import { digest, matchesDigest } from '../protocol/digest.ts';
import { DatabaseUnavailable } from '../store/database.ts';
import { ProcedureFault } from './input.ts';
import type { ProcedureDefinition, Tools } from './procedure.ts';

export interface AdministratorTools extends Tools {
  /** A version of the secret; undefined where there is none. */
  find(stage: 'AWSCURRENT' | 'AWSPREVIOUS'): Promise<Administrator | undefined>;
  /** Signs in and out again. @throws where that fails */
  signIn(administrator: Administrator): Promise<void>;
}

export interface VerifiedAdministrator {
  readonly username: string;
  /** Of the secret, the one that works. */
  readonly version: string;
  readonly former: 'refused' | 'none';
}

/** 28P01: the password is wrong; 28000: nobody of that name may come in. */
const refused = /\b(28P01|28000)\b/;

const isRefused = (cause: unknown) => cause instanceof DatabaseUnavailable && refused.test(cause.detail);

export const verifyAdministrator: ProcedureDefinition<AdministratorTools, Record<string, never>, null, VerifiedAdministrator> = {
  name: 'verify-administrator',
  asks_reason: true,
  input: {},
  look: async () => null,
  plan: () => ({ steps: ['sign in to the database as its administrator, with the current password and with the one before'] }),
  async apply({ find, signIn }) {
    const current = await find('AWSCURRENT');
    if (!current) throw new ProcedureFault('no_administrator', 'this stage has no secret with a database administrator');
    try {
      await signIn(current);
    } catch (cause) {
      if (!isRefused(cause)) throw cause;
      throw new ProcedureFault(
        'password_refused',
        `the database refuses version ${current.version} of the administrator's password`,
        false,
      );
    }
    const former = await find('AWSPREVIOUS');
    if (!former || matchesDigest(former.password, digest(current.password)))
      return { username: current.username, version: current.version, former: 'none' };
    const opened = await signIn(former).then(
      () => true,
      (cause: unknown) => {
        if (isRefused(cause)) return false;
        throw cause;
      },
    );
    if (opened)
      throw new ProcedureFault('former_password_works', "the administrator's password of before still opens the database", false);
    return { username: current.username, version: current.version, former: 'refused' };
  },
  describe: ({ username, version, former }) =>
    `${username}: version ${version} works, the one before ${former === 'refused' ? 'is refused' : 'does not exist'}`,
};
