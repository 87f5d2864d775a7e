/** Turns an ES256 signature from the form that OpenSSL speaks (DER) into the one that JWS wants (RFC 7518 §3.4), and back: Node's own switch for it triples the cost. */

/** Bytes of each of the two numbers, r and s. */
const width = 32;

const integerTag = 0x02;
const sequenceTag = 0x30;

/** @param der what `sign` gives for a P-256 key: all lengths fit one byte */
export function toConcatenated(der: Uint8Array): Buffer {
  const signature = Buffer.alloc(2 * width);
  let at = 2;
  for (let half = 1; half <= 2; half++) {
    const length = der[at + 1] as number;
    const end = at + 2 + length;
    // A leading zero only says that the number is positive.
    const number = der.subarray(Math.max(at + 2, end - width), end);
    signature.set(number, half * width - number.length);
    at = end;
  }
  return signature;
}

/** @returns undefined where the length is not that of a P-256 signature */
export function toDer(signature: Uint8Array): Buffer | undefined {
  if (signature.length !== 2 * width) return undefined;
  const r = encodeInteger(signature.subarray(0, width));
  const s = encodeInteger(signature.subarray(width));
  return Buffer.concat([Buffer.of(sequenceTag, r.length + s.length), r, s]);
}

function encodeInteger(number: Uint8Array): Buffer {
  let from = 0;
  while (from < width - 1 && number[from] === 0) from += 1;
  const digits = number.subarray(from);
  const positive = (digits[0] as number) < 0x80 ? [] : [0];
  return Buffer.concat([Buffer.of(integerTag, positive.length + digits.length, ...positive), digits]);
}
