/** A browser without scripts: follows no redirect by itself, keeps cookies, fills in the forms of the pages. */

/** Where a server is: a test server or a deployment. */
export interface Site {
  readonly issuer: string;
  /** Address of a path, which need not be below the issuer's. */
  url(path: string): string;
}

export interface Page {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Where a redirect goes, as it was sent. */
  readonly location: string | undefined;
}

export interface UserAgent {
  readonly cookies: Map<string, string>;
  get(url: string, headers?: Record<string, string>): Promise<Page>;
  post(url: string, form: Record<string, string>, headers?: Record<string, string>): Promise<Page>;
  /** Follows redirects within the server until a page or a redirect elsewhere. */
  follow(page: Page): Promise<Page & { readonly url?: string }>;
  /** Fills in the form of a page and sends it. */
  submit(page: Page, fields: Record<string, string>): Promise<Page>;
}

export function hiddenField(html: string, name: string): string {
  return new RegExp(`name="${name}" value="([^"]*)"`).exec(html)?.[1] ?? '';
}

export function formAction(html: string): string {
  return (/<form[^>]* action="([^"]*)"/.exec(html)?.[1] ?? '').replaceAll('&amp;', '&').replaceAll('&#38;', '&');
}

/** @param address the client's address as the server sees it is always the loopback one */
export function createUserAgent(server: Site): UserAgent {
  const cookies = new Map<string, string>();
  const issuerOrigin = new URL(server.issuer).origin;

  async function send(url: string, init: RequestInit & { headers: Record<string, string> }): Promise<Page> {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const path = url.startsWith(server.issuer) ? url.slice(issuerOrigin.length) : url;
    const target = path.startsWith('/') ? server.url(path) : url;
    const response = await fetch(target, {
      ...init,
      redirect: 'manual',
      headers: { ...init.headers, ...(cookie && { cookie }) },
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === '' || /max-age=0/i.test(line)) cookies.delete(name);
      else cookies.set(name, value);
    }
    return {
      status: response.status,
      headers: response.headers,
      text: await response.text(),
      location: response.headers.get('location') ?? undefined,
    };
  }

  const agent: UserAgent = {
    cookies,
    get: (url, headers = {}) => send(url, { method: 'GET', headers }),
    post: (url, form, headers = {}) =>
      send(url, {
        method: 'POST',
        body: new URLSearchParams(form).toString(),
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      }),
    follow: async (page) => {
      let current: Page & { url?: string } = page;
      for (let hop = 0; hop < 10 && current.location?.startsWith(server.issuer); hop += 1) {
        const url = current.location;
        current = { ...(await agent.get(url)), url };
      }
      return current;
    },
    submit: (page, fields) => agent.post(formAction(page.text), { csrf_token: hiddenField(page.text, 'csrf_token'), ...fields }),
  };
  return agent;
}
