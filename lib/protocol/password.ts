/** Hashes and verifies passwords with scrypt, written as PHC strings. */
import { scrypt, timingSafeEqual } from 'node:crypto';

interface Cost {
  /** Base-2 logarithm of the number of blocks. */
  readonly ln: number;
  readonly r: number;
  readonly p: number;
}

/** 32 MiB and three passes: OWASP Password Storage Cheat Sheet, scrypt. */
const cost: Cost = { ln: 15, r: 8, p: 3 };
const keyBytes = 32;
const longestPassword = 1024;
/** NIST SP 800-63B §5.1.1.2: at least eight characters and no rules of composition. */
const fewestCharacters = 8;

/**
 * The hash of no password at all: an unknown account is verified against it, so that it costs the same time as a known one. An account has it
 * whose password a restore could not bring back.
 * Its key is random rather than derived, so nothing matches it.
 */
export const dummyHash = '$scrypt$ln=15,r=8,p=3$sIhgA6q2Kxlt2GkH9GBI3A$Xq4MQfmDBa3/ytJyREaKI+TEnSm5rV3laaF59K/YTZ0';

/** Compatible forms of one text hash alike, whatever keyboard typed them (NIST SP 800-63B §5.1.1.2). */
function normalise(password: string): Buffer {
  return Buffer.from(password.normalize('NFKC'), 'utf8');
}

/** What is wrong with a new password, or undefined where it may be used. The text never repeats the password. */
export function findPasswordFault(password: string): string | undefined {
  const bytes = normalise(password);
  if ([...bytes.toString('utf8')].length < fewestCharacters) return `has fewer than ${fewestCharacters} characters`;
  if (bytes.length > longestPassword) return `is longer than ${longestPassword} bytes`;
  return undefined;
}

function derive(password: Buffer, salt: Uint8Array, { ln, r, p }: Cost, length: number): Promise<Buffer> {
  const options = { N: 2 ** ln, r, p, maxmem: 256 * 2 ** ln * r };
  return new Promise((resolve, reject) => {
    scrypt(password, salt, length, options, (error, key) => (error ? reject(error) : resolve(key)));
  });
}

const unpadded = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64').replaceAll('=', '');

/**
 * Hashes a password; takes 0.2 to 0.5 s of one core and 32 MiB.
 * @param salt at least 16 random bytes
 * @returns a PHC string, `$scrypt$ln=15,r=8,p=3$salt$key`
 * @throws {RangeError} for an empty password or one over 1024 bytes, which `findPasswordFault` refuses beforehand
 */
export async function hashPassword(password: string, salt: Uint8Array): Promise<string> {
  const bytes = normalise(password);
  if (bytes.length === 0 || bytes.length > longestPassword)
    throw new RangeError(`a password has 1 to ${longestPassword} bytes, this one ${bytes.length}`);
  const key = await derive(bytes, salt, cost, keyBytes);
  return `$scrypt$ln=${cost.ln},r=${cost.r},p=${cost.p}$${unpadded(salt)}$${unpadded(key)}`;
}

interface Parsed {
  readonly cost: Cost;
  readonly salt: Buffer;
  readonly key: Buffer;
}

/** Reads a PHC string; undefined where it is none, or one whose cost would take the server down. */
function parseHash(hash: string): Parsed | undefined {
  const parts = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,})\$([A-Za-z0-9+/]{22,})$/.exec(hash);
  if (!parts) return undefined;
  const [ln, r, p] = [Number(parts[1]), Number(parts[2]), Number(parts[3])];
  if (ln < 1 || ln > 17 || r < 1 || r > 16 || p < 1 || p > 16) return undefined;
  return { cost: { ln, r, p }, salt: Buffer.from(parts[4] as string, 'base64'), key: Buffer.from(parts[5] as string, 'base64') };
}

/** Whether a password is the one that was hashed; false for an empty or overlong one and for a hash of another kind. */
export async function verifyPassword(password: string, hash: string): Promise<boolean> {
  const bytes = normalise(password.slice(0, longestPassword + 1));
  const parsed = parseHash(hash);
  if (!parsed || bytes.length === 0 || bytes.length > longestPassword) return false;
  const key = await derive(bytes, parsed.salt, parsed.cost, parsed.key.length);
  return timingSafeEqual(key, parsed.key);
}

/** Whether a stored hash was made at another cost than today's, so that the next sign-in should replace it. */
export function needsRehash(hash: string): boolean {
  const parsed = parseHash(hash);
  if (!parsed) return true;
  return parsed.cost.ln !== cost.ln || parsed.cost.r !== cost.r || parsed.cost.p !== cost.p || parsed.key.length !== keyBytes;
}
