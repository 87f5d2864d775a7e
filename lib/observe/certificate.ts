/** Looks at the certificate that clients of a stage are shown. */
import { connect } from 'node:tls';
import { alarms } from '../alarms.ts';
import type { Cause } from './doctor.ts';

/** Days of validity below which it is a cause of trouble to come. */
const fewDays = alarms.CertificateExpiring.threshold;

export interface Presented {
  readonly valid_to: string | undefined;
  /** Why a client would refuse it. */
  readonly refused: string | undefined;
}

/** Pure: what is wrong with it. */
export function judgePresented({ valid_to, refused }: Presented, host: string, now: Date): Cause[] {
  const mend =
    'look at its validation records in ACM, then oauth2ctl preflight; a certificate that was imported is to be imported anew';
  const left = valid_to === undefined ? Number.NaN : (Date.parse(valid_to) - now.getTime()) / 86_400_000;
  if (left < 0) return [{ cause: `the certificate of ${host} is expired`, seen: `valid until ${valid_to}`, mend }];
  if (refused !== undefined) return [{ cause: `clients refuse the certificate of ${host}`, seen: refused, mend }];
  if (left < fewDays)
    return [{ cause: `the certificate of ${host} ends in ${Math.floor(left)} days`, seen: `valid until ${valid_to}`, mend }];
  return [];
}

/** Nothing where the issuer is not https, as on a developer's machine. */
export async function checkPresented(issuer: string): Promise<Cause[]> {
  const { protocol, hostname, port } = new URL(issuer);
  if (protocol !== 'https:') return [];
  return new Promise((resolve) => {
    // An expired certificate is what is looked for; nothing is sent over this connection.
    const options = {
      host: hostname,
      port: Number(port || 443),
      servername: hostname,
      rejectUnauthorized: false,
      timeout: 10_000,
    };
    const socket = connect(options, () => {
      const refused = socket.authorized ? undefined : String(socket.authorizationError);
      resolve(judgePresented({ valid_to: socket.getPeerCertificate().valid_to, refused }, hostname, new Date()));
      socket.destroy();
    });
    const away = (seen: string) => {
      socket.destroy();
      resolve([
        { cause: `${hostname} does not answer`, seen, mend: 'look at its DNS record, and at the custom domain of the API' },
      ]);
    };
    socket.on('error', (error) => away(error.message));
    socket.on('timeout', () => away('no answer within ten seconds'));
  });
}
