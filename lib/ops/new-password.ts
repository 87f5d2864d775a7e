/** What the new password of an end-user has to be, and the hash that is kept of it. */
import { randomBytes } from 'node:crypto';
import { findPasswordFault, hashPassword } from '../protocol/password.ts';
import type { Member } from './input.ts';

export const newPassword: Member = {
  accepts: (value) => typeof value === 'string' && findPasswordFault(value) === undefined,
  allowed: 'a password of at least 8 characters and at most 1024 bytes',
  required: true,
  secret: true,
};

export const hashNew = (password: string): Promise<string> => hashPassword(password, randomBytes(16));
