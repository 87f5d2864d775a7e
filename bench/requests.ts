/** Writes requests as the bytes that go over the wire, once, so that the generator has nothing left to format. */

export interface Credentials {
  readonly client_id: string;
  readonly client_secret: string;
}

const encode = encodeURIComponent;

/** A form to a token or an introspection endpoint, the client authenticated by `client_secret_basic`. */
export function post(path: string, { client_id, client_secret }: Credentials, form: Readonly<Record<string, string>>): Buffer {
  const body = new URLSearchParams(form).toString();
  const basic = Buffer.from(`${encode(client_id)}:${encode(client_secret)}`).toString('base64');
  const head = [
    `POST ${path} HTTP/1.1`,
    'host: 127.0.0.1',
    `authorization: Basic ${basic}`,
    'content-type: application/x-www-form-urlencoded',
    'accept: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`);
}

export function get(path: string): Buffer {
  return Buffer.from(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: application/json\r\n\r\n`);
}
